"""Stacks share values, and what is shared cannot be taken away from under another."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.server import LocalAws
from tests.support.local_aws import Stack, parameter


@pytest.fixture
def stacks(aws: LocalAws) -> Iterator[tuple[Stack, Stack]]:
    giving, taking = Stack.new(aws), Stack.new(aws)
    yield giving, taking
    taking.delete()
    giving.delete()


def export(value: Any = "1") -> dict[str, Any]:
    return {"Out": {"Value": value, "Export": {"Name": "shared"}}}


TAKES = {"Note": parameter({"Fn::ImportValue": "shared"}, Name="/exports/taken")}


def taken(aws: LocalAws) -> str:
    return str(aws.client("ssm").get_parameter(Name="/exports/taken")["Parameter"]["Value"])


def test_a_stack_takes_what_another_exports(aws: LocalAws, stacks: tuple[Stack, Stack]) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-importvalue.html
    """
    giving, taking = stacks
    giving.create({"Note": parameter("x")}, Outputs=export({"Ref": "AWS::StackName"}))
    taking.create(TAKES)

    assert taken(aws) == giving.name
    (listed,) = giving.api.list_exports()["Exports"]
    assert (listed["Name"], listed["Value"]) == ("shared", giving.name)


def test_an_export_in_use_cannot_go(aws: LocalAws, stacks: tuple[Stack, Stack]) -> None:
    """An update that takes it away is rolled back: https://github.com/aws/aws-cdk/issues/26135.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-importvalue.html
    """
    giving, taking = stacks
    giving.create({"Note": parameter("x")}, Outputs=export())
    taking.create(TAKES)

    message = f"Export shared cannot be deleted as it is in use by {taking.name}"
    with pytest.raises(ClientError, match=message):
        giving.delete()
    assert giving.update({"Note": parameter("y")}) == "UPDATE_ROLLBACK_COMPLETE"
    assert message in giving.events("UPDATE_ROLLBACK_IN_PROGRESS")[0][2]
    assert taken(aws) == "1"


def test_an_export_in_use_cannot_change(aws: LocalAws, stacks: tuple[Stack, Stack]) -> None:
    """https://github.com/aws/aws-cdk/issues/17741."""
    giving, taking = stacks
    giving.create({"Note": parameter("x")}, Outputs=export())
    taking.create(TAKES)

    assert giving.update({"Note": parameter("y")}, Outputs=export("2")) == (
        "UPDATE_ROLLBACK_COMPLETE"
    )
    message = f"Export shared cannot be updated as it is in use by {taking.name}"
    assert message in giving.events("UPDATE_ROLLBACK_IN_PROGRESS")[0][2]
    assert giving.api.list_exports()["Exports"][0]["Value"] == "1"
    assert giving.update({"Note": parameter("z")}, Outputs=export()) == "UPDATE_COMPLETE"


def test_an_export_no_longer_in_use_can_go(stacks: tuple[Stack, Stack]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-importvalue.html."""
    giving, taking = stacks
    giving.create({"Note": parameter("x")}, Outputs=export())
    taking.create(TAKES)
    taking.update({"Note": parameter("fixed")})

    assert giving.update({"Note": parameter("y")}) == "UPDATE_COMPLETE"


def test_two_stacks_cannot_export_the_same_name(stacks: tuple[Stack, Stack]) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
    """
    giving, other = stacks
    giving.create({"Note": parameter("x")}, Outputs=export())
    with pytest.raises(ClientError, match="shared is already exported by stack"):
        other.create({"Note": parameter("x")}, Outputs=export())


def test_what_nobody_exports_fails_the_stack(stacks: tuple[Stack, Stack]) -> None:
    """https://repost.aws/knowledge-center/cloudformation-no-export-found-error."""
    _, taking = stacks

    assert taking.create(TAKES) == "ROLLBACK_COMPLETE"
    assert "No export named shared found" in taking.events("CREATE_FAILED")[0][2]
