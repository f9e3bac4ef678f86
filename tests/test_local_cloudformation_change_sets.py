"""A change set says what an update would do, and does it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_aws import Resources, Stack, parameter, resource, template


def vpc(block: str) -> dict[str, Any]:
    return resource("EC2::VPC", {"CidrBlock": block})


def plan(stack: Stack, resources: Resources, kind: str = "UPDATE") -> dict[str, Any]:
    """Create a change set and describe it."""
    made = stack.api.create_change_set(
        StackName=stack.name,
        ChangeSetName="plan",
        ChangeSetType=kind,
        TemplateBody=template(resources),
    )
    described = stack.api.describe_change_set(ChangeSetName=made["Id"])
    return dict(described)


def test_a_change_set_names_each_change_and_what_is_replaced(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    table = resource("EC2::RouteTable", {"VpcId": {"Ref": "Vpc"}})
    kept = {"Same": parameter("same"), "Table": table}
    stack.create({"Vpc": vpc("10.2.0.0/16"), "Note": parameter("1"), "Old": parameter("x"), **kept})
    found = plan(stack, {"Vpc": vpc("10.3.0.0/16"), "Note": parameter("2"), "New": vpc("10.4.0.0/16"), **kept})  # fmt: skip

    changes = [change["ResourceChange"] for change in found["Changes"]]
    assert {
        change["LogicalResourceId"]: (change["Action"], change.get("Replacement"))
        for change in changes
    } == {
        "Vpc": ("Modify", "True"),
        "Table": ("Modify", "Conditional"),
        "Note": ("Modify", "False"),
        "New": ("Add", None),
        "Old": ("Remove", None),
    }
    (detail,) = next(item for item in changes if item["LogicalResourceId"] == "Vpc")["Details"]
    assert detail["Target"]["Name"] == "CidrBlock"
    assert detail["Target"]["RequiresRecreation"] == "Always"
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")


def test_executing_a_change_set_updates_the_stack(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-execute.html."""
    stack.create({"Note": parameter("1")})
    found = plan(stack, {"Note": parameter("2"), "More": parameter("3")})
    assert list(stack.ids()) == ["Note"]
    stack.api.execute_change_set(ChangeSetName=found["ChangeSetId"])

    assert stack.status == "UPDATE_COMPLETE"
    assert sorted(stack.ids()) == ["More", "Note"]


def test_a_stack_can_be_created_by_a_change_set(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    found = plan(stack, {"Note": parameter("1")}, "CREATE")
    assert stack.status == "REVIEW_IN_PROGRESS"
    stack.api.execute_change_set(ChangeSetName="plan", StackName=stack.name)

    assert stack.status == "CREATE_COMPLETE"
    assert found["StackId"] == stack.describe()["StackId"]


def test_a_deleted_stack_is_created_again_by_a_change_set_of_the_same_name(stack: Stack) -> None:
    """As `cdk deploy` does after `cdk destroy`: its change sets all have one name.

    A deleted stack is known by its id alone:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    """
    for _ in range(2):
        plan(stack, {"Note": parameter("1")}, "CREATE")
        stack.api.execute_change_set(ChangeSetName="plan", StackName=stack.name)

        assert stack.status == "CREATE_COMPLETE"
        stack.delete()


def test_a_change_set_without_changes_fails_as_the_cdk_expects(stack: Stack) -> None:
    """AWS's own command line waits for these words.

    https://github.com/aws/aws-cli/blob/develop/awscli/customizations/cloudformation/deployer.py
    """
    stack.create({"Note": parameter("1")})
    found = plan(stack, {"Note": parameter("1")})

    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError, match="cannot be executed in its current status"):
        stack.api.execute_change_set(ChangeSetName=found["ChangeSetId"])


def test_a_deleted_change_set_is_gone(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/goto/WebAPI/cloudformation-2010-05-15/DeleteChangeSet
    """
    stack.create({"Note": parameter("1")})
    found = plan(stack, {"Note": parameter("2")})
    for _ in range(2):
        stack.api.delete_change_set(ChangeSetName="plan", StackName=stack.name)

    with pytest.raises(stack.api.exceptions.ChangeSetNotFoundException):
        stack.api.describe_change_set(ChangeSetName=found["ChangeSetId"])
