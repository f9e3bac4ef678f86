"""A customer key: what it encrypts, who may use it, and what may not get around it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from nextflow_batch import Network
from nextflow_batch.encryption_key import service_statements
from nextflow_batch.log_retention import LOG_RETENTION
from stacks import paths
from testbed.resources import only, properties, text
from testbed.synthesized import Templates, changed, of

ARN = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALGORITHM = "s3:x-amz-server-side-encryption"
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"


@pytest.fixture(scope="module")
def existing() -> Templates:
    return of(changed("default", storage__customer_key=ARN))


@pytest.fixture(scope="module")
def made() -> Templates:
    return of(changed("default", storage__customer_key=True))


def _denied(template: Template, request: dict[str, str]) -> set[str]:
    """The statements of the data bucket's policy that deny to put an object.

    Operators as IAM documents them: one that compares by `Not` also holds without the key.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    (policy,) = [
        found
        for found in properties(template, "AWS::S3::BucketPolicy")
        if "AccessLogs" not in text(found["Bucket"])
    ]
    operators = {
        "StringEquals": lambda value, expected: value == expected,
        "StringNotEquals": lambda value, expected: value != expected,
        "Null": lambda value, expected: (value is None) == (expected == "true"),
    }
    return {
        statement["Sid"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Action"] == "s3:PutObject"
        and all(
            operators[operator](request.get(name), expected)
            for operator, tests in statement["Condition"].items()
            for name, expected in tests.items()
        )
    }


@pytest.mark.parametrize(
    "request_headers",
    [{}, {ALGORITHM: "aws:kms", KEY: ARN}, {KEY: ARN}],
    ids=["none", "the key", "the key alone"],
)
def test_what_the_buckets_key_encrypts_passes(
    existing: Templates, request_headers: dict[str, str]
) -> None:
    assert _denied(existing["data"], request_headers) == set()


@pytest.mark.parametrize(
    ("request_headers", "sid"),
    [
        ({ALGORITHM: "AES256"}, "RefuseOtherAlgorithm"),
        ({ALGORITHM: "aws:kms:dsse"}, "RefuseOtherAlgorithm"),
        ({ALGORITHM: "aws:kms"}, "RefuseKmsWithoutKey"),
        ({ALGORITHM: "aws:kms", KEY: ARN.replace("1234abcd", "ffffffff")}, "RefuseOtherKey"),
        ({"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}, "RefuseKeyOfRequest"),
    ],
    ids=str,
)
def test_no_pipeline_chooses_another_encryption(
    existing: Templates, request_headers: dict[str, str], sid: str
) -> None:
    assert _denied(existing["data"], request_headers) == {sid}


def test_an_existing_key_encrypts_everything(existing: Templates) -> None:
    for template in existing.values():
        template.resource_count_is("AWS::KMS::Key", 0)
    groups = [
        group
        for template in existing.values()
        for group in properties(template, "AWS::Logs::LogGroup")
    ]
    volumes = only(existing["batch"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    assert [group["KmsKeyId"] for group in groups] == [ARN] * 2
    assert only(existing["operations"], "AWS::SNS::Topic")["KmsMasterKeyId"] == ARN
    assert {device["Ebs"]["KmsKeyId"] for device in volumes["BlockDeviceMappings"]} == {ARN}
    rules = [
        rule["ServerSideEncryptionByDefault"]
        for bucket in properties(existing["data"], "AWS::S3::Bucket")
        for rule in bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    assert {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ARN} in rules


def test_a_new_key_encrypts_flow_logs_too(made: Templates) -> None:
    assert "Key" in text(only(made["batch"], "AWS::Logs::LogGroup")["KmsKeyId"])


def test_who_starts_spot_instances_may_use_the_key(made: Templates) -> None:
    statements = only(made["data"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    granting = [entry for entry in statements if entry["Action"] == "kms:CreateGrant"]

    (entry,) = granting
    roles = [text(role) for role in entry["Condition"]["StringEquals"]["aws:PrincipalArn"]]
    assert [role.rpartition("/")[2] for role in roles] == [
        "AWSServiceRoleForAutoScaling",
        "AWSServiceRoleForEC2Spot",
    ]


def test_publishers_may_use_the_key_for_topics_and_queues_of_the_account(made: Templates) -> None:
    """Adding aws:SourceAccount to a key policy stops EventBridge from publishing.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    statements = only(made["data"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    allowed = {}
    for entry in statements:
        # The CDK gives one statement to those that may do the same.
        services = entry["Principal"].get("Service", [])
        for service in [services] if isinstance(services, str) else services:
            if service in ("events.amazonaws.com", "cloudwatch.amazonaws.com"):
                assert set(entry["Condition"]) == {"ArnLike"}
                for context, arn in entry["Condition"]["ArnLike"].items():
                    allowed[service, context] = text(arn)

    context = "kms:EncryptionContext:aws:"
    assert allowed == {
        (
            "events.amazonaws.com",
            f"{context}sns:topicArn",
        ): "arn:aws:sns:us-west-2:<AWS::AccountId>:*",
        ("events.amazonaws.com", f"{context}sqs:arn"): "arn:aws:sqs:us-west-2:<AWS::AccountId>:*",
        (
            "cloudwatch.amazonaws.com",
            f"{context}sns:topicArn",
        ): "arn:aws:sns:us-west-2:<AWS::AccountId>:*",
    }


def test_the_documented_policy_of_an_existing_key_is_that_of_a_new_one() -> None:
    page = (paths.ROOT / "docs" / "customer-key.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    stack = Stack(App(), "Stack", env=Environment(account="123456789012", region="us-west-2"))

    expected = [
        stack.resolve(statement.to_statement_json()) for statement in service_statements(stack)
    ]

    assert json.loads(block)["Statement"] == _spelled(expected)


def _spelled(value: Any) -> Any:
    match value:
        case {"Fn::Join": _} | {"Ref": _}:
            return text(value).replace("<AWS::Partition>", "aws")
        case dict():
            return {key: _spelled(inner) for key, inner in value.items()}
        case list():
            return [_spelled(inner) for inner in value]
    return value


def test_logs_can_be_kept_for_every_time_that_cloudwatch_knows() -> None:
    """The values are those of the service's model, in its words."""
    import botocore.session  # noqa: PLC0415 - only here

    model = botocore.session.get_session().get_service_model("logs")
    words = model.shape_for("Days").documentation
    known = {int(number) for number in re.findall(r"\b\d+\b", words)}

    assert set(LOG_RETENTION) == known
    for days, retention in LOG_RETENTION.items():
        stack = Stack(App(), "Stack")
        logs.LogGroup(stack, "Group", retention=retention)
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": days})


def test_everything_that_is_logged_is_kept_for_ten_years() -> None:
    templates = of(changed("default", storage__log_retention_days=3653))
    groups = [
        group
        for template in templates.values()
        for group in properties(template, "AWS::Logs::LogGroup")
    ]
    rules = [
        rule
        for bucket in properties(templates["data"], "AWS::S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if rule["Id"] == "OldLogs"
    ]

    assert [group["RetentionInDays"] for group in groups] == [3653] * 2
    assert [rule["ExpirationInDays"] for rule in rules] == [3653]


@pytest.mark.parametrize(
    ("delete", "policy"),
    [(False, "RetainExceptOnCreate"), (True, "Delete")],
    ids=["kept", "deleted"],
)
def test_flow_logs_survive_the_stack_if_the_data_does(delete: bool, policy: str) -> None:
    both = {"delete_with_stack": delete, "delete_data_for_good": delete}
    templates = of(changed("workshop", storage=both))

    for stack in ("batch", "data"):
        groups = templates[stack].find_resources("AWS::Logs::LogGroup").values()
        assert [group["DeletionPolicy"] for group in groups] == [policy]


def test_the_librarys_network_keeps_its_flow_logs() -> None:
    stack = Stack(App(), "Stack")
    Network(stack, "Network", availability_zones=["a", "b"])

    groups = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").values()
    assert [group["DeletionPolicy"] for group in groups] == ["RetainExceptOnCreate"]
