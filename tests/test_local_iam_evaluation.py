"""The local AWS's decision about one action on one resource."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.iam.evaluation import Principal, ResourcePolicy, denial_of
from local_aws.iam.keys import Keys, UndecidableError
from local_aws.iam.policy import Need, statements

if TYPE_CHECKING:
    from local_aws.iam.keys import Value

ROLE = "arn:aws:iam::123456789012:role/task"
SESSION = "arn:aws:sts::123456789012:assumed-role/task/one"
OBJECT = "arn:aws:s3:::bucket/work/a"
GET: dict[str, Any] = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}


def policy(*entries: dict[str, Any]) -> str:
    listed = [{"Effect": "Allow", **entry} for entry in entries]
    return json.dumps({"Version": "2012-10-17", "Statement": listed})


def may(
    *identity: dict[str, Any],
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    boundary: list[dict[str, Any]] | None = None,
    own: list[dict[str, Any]] | None = None,
    is_required: bool = False,
    keys: dict[str, Value] | None = None,
) -> bool:
    """Whether a role with this policy may."""
    need = Need(action, resource, Keys(keys or {}, ("aws:ResourceTag/",)))
    principal = Principal(
        SESSION,
        ROLE,
        statements(policy(*identity)),
        None if boundary is None else statements(policy(*boundary)),
        None,
        {},
    )
    theirs = None if own is None else ResourcePolicy(statements(policy(*own)), is_required)
    return denial_of(principal, need, theirs) is None


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    assert may(GET)
    assert not may()
    assert not may(GET, action="s3:PutObject")
    assert not may(GET, resource="arn:aws:s3:::other/a")


def test_a_deny_wins_wherever_it_is() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    deny = {**GET, "Effect": "Deny"}

    assert not may(GET, deny)
    assert not may(GET, boundary=[GET, deny])
    assert not may(GET, own=[{**deny, "Principal": "*"}])


def test_a_boundary_limits_and_grants_nothing() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html."""
    everything = {"Action": "*", "Resource": "*"}

    assert may(GET, boundary=[everything])
    assert not may(GET, boundary=[{**GET, "Action": "s3:PutObject"}])
    assert not may(boundary=[everything])


def test_a_bucket_policy_that_names_the_role_is_enough() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    for named in (ROLE, SESSION, "*"):
        assert may(own=[{**GET, "Principal": {"AWS": named}}]), named
    assert not may(own=[{**GET, "Principal": {"AWS": f"{ROLE}-2"}}])
    assert not may(own=[{**GET, "Principal": {"Service": "logs.amazonaws.com"}}])


def test_a_policy_that_names_the_account_leaves_it_to_the_roles() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html."""
    account = {**GET, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}

    assert not may(own=[account])
    assert may(GET, own=[account], is_required=True)
    assert not may(GET, own=[], is_required=True)


def test_actions_are_the_same_in_any_case_and_resources_are_not() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html."""
    assert may({**GET, "Action": "S3:getobject"})
    assert may({**GET, "Action": "s3:Get*"})
    assert not may({**GET, "Action": "s3:Ge?Object*x"})
    assert not may({**GET, "Resource": "arn:aws:s3:::Bucket/*"})
    assert may({"Action": "s3:*", "NotResource": "arn:aws:s3:::bucket/raw/*"})
    assert not may({"NotAction": "s3:Get*", "Resource": "*"})


def test_a_wildcard_stays_in_its_part_of_an_arn() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html."""
    stream = "arn:aws:logs:us-west-2:123456789012:log-group:lab:log-stream:nf-a/default/1"
    allowed = {"Action": "logs:GetLogEvents", "Resource": "arn:aws:logs:*:log-stream:nf-*"}

    assert not may(allowed, action="logs:GetLogEvents", resource=stream)
    allowed["Resource"] = "arn:aws:logs:*:*:log-group:*:log-stream:nf-*"
    assert may(allowed, action="logs:GetLogEvents", resource=stream)


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("StringEquals", "work/", "work/", True),
        ("StringEquals", "work/*", "work/a", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringEqualsIgnoreCase", "WORK", "work", True),
        ("StringLike", "work/*", "work/a", True),
        ("StringLike", "wor?", "Work", False),
        ("StringNotLike", "work/*", "work/a", False),
        ("Bool", "false", "true", False),
        ("Bool", False, "false", True),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", False, "x", True),
        ("NumericLessThanEquals", "500", "500", True),
        ("NumericLessThanEquals", 500, "501", False),
        ("NumericNotEquals", "3", "3.0", False),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", True),
        ("DateLessThan", "1767225600", "2026-06-01T00:00:00Z", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
        ("ArnLike", "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-west-2:1:instance/i-1", True),
        ("ArnEquals", "arn:aws:ec2:*:instance/*", "arn:aws:ec2:us-west-2:1:instance/i-1", False),
        ("ArnNotEquals", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a", False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
        ("ForAllValues:StringNotEquals", ["a"], ["a", "b"], False),
    ],
)
def test_each_operator_is_evaluated(operator: str, wanted: Any, value: Value, holds: bool) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html."""
    condition = {"Condition": {operator: {"s3:prefix": wanted}}}

    assert may({**GET, **condition}, keys={"s3:prefix": value}) is holds


def test_all_conditions_must_hold() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html."""
    both = {"Condition": {"StringEquals": {"a:x": "1", "a:y": "2"}, "Bool": {"a:z": "true"}}}

    assert may({**GET, **both}, keys={"a:x": "1", "a:y": "2", "a:z": "true"})
    assert not may({**GET, **both}, keys={"a:x": "1", "a:y": "3", "a:z": "true"})
    assert not may({**GET, **both}, keys={"a:x": "1", "a:y": "2", "a:z": "false"})


def test_variables_stand_for_what_the_request_has() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html."""
    home = {**GET, "Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"}
    tag = "aws:PrincipalTag/team"

    assert may(home, keys={tag: "work"})
    assert not may(home, keys={tag: "other"})
    assert not may(home, keys={tag: "*"})
    assert not may(home, keys={tag: None})
    starred = {**GET, "Resource": "arn:aws:s3:::bucket/${*}"}
    assert may(starred, resource="arn:aws:s3:::bucket/*")
    assert not may(starred)


def test_an_instance_is_known_by_its_arn() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html."""
    arn = "arn:aws:ec2:us-west-2:123456789012:instance/i-1"
    itself = {
        "Action": "ec2:AttachVolume",
        "Resource": "*",
        "Condition": {"ArnEquals": {"x:Arn": "${ec2:SourceInstanceARN}"}},
    }

    assert may(itself, action="ec2:AttachVolume", keys={"x:Arn": arn, "ec2:SourceInstanceARN": arn})
    assert not may(
        itself, action="ec2:AttachVolume", keys={"x:Arn": arn, "ec2:SourceInstanceARN": f"{arn}2"}
    )
    assert not may(
        itself, action="ec2:AttachVolume", keys={"x:Arn": arn, "ec2:SourceInstanceARN": None}
    )


@pytest.mark.parametrize(
    "entry",
    [
        {**GET, "Condition": {"StringEquals": {"aws:Unheard": "x"}}},
        {**GET, "Condition": {"StringAlike": {"s3:prefix": "x"}}},
        {**GET, "Condition": {"ForSomeValues:StringEquals": {"s3:prefix": "x"}}},
        {**GET, "Condition": {"NotBool": {"s3:prefix": "true"}}},
        {**GET, "Resource": "arn:aws:s3:::bucket/${aws:unheard}/*"},
        {**GET, "Whatever": "x"},
        {**GET, "NotPrincipal": "*"},
    ],
)
def test_what_is_not_known_is_an_error_and_never_a_pass(entry: dict[str, Any]) -> None:
    """Ours: an evaluator that guesses proves nothing."""
    with pytest.raises(UndecidableError):
        may(entry, keys={"s3:prefix": "x"})


def test_a_tag_that_a_resource_has_not_is_none() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html."""
    tagged = {**GET, "Condition": {"StringEquals": {"aws:ResourceTag/team": "lab"}}}

    assert not may(tagged)
    assert may(tagged, keys={"aws:ResourceTag/team": "lab"})
