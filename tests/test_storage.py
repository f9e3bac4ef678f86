"""The bucket, and who may read and write it."""

from __future__ import annotations

import pytest
from aws_cdk.assertions import Match, Template

from testbed.resources import properties, statement, text
from testbed.synthesized import Templates, changed, of


@pytest.fixture(scope="module")
def data() -> Template:
    return of(changed("workshop", storage__work_expires_days=30))["data"]


@pytest.fixture(scope="module")
def guarded() -> Templates:
    return of(changed("default", storage__customer_key=True))


def _bucket(template: Template) -> dict[str, object]:
    (found,) = [
        entry
        for name, entry in template.find_resources("AWS::S3::Bucket").items()
        if "AccessLogs" not in name
    ]
    properties: dict[str, object] = found["Properties"]
    return properties


def test_the_bucket_is_blocked_for_the_public(data: Template) -> None:
    assert _bucket(data)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


def test_the_bucket_refuses_unencrypted_transport(data: Template) -> None:
    data.has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Effect": "Deny",
                                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                                }
                            )
                        ]
                    )
                }
            )
        },
    )


def test_only_work_files_and_their_caches_expire(data: Template) -> None:
    rules = _bucket(data)["LifecycleConfiguration"]["Rules"]  # type: ignore[index]

    assert {rule["Id"]: rule.get("Prefix") for rule in rules if "ExpirationInDays" in rule} == {
        "WorkFiles": "_nextflow/runs/",
        "Sessions": "_nextflow/logs/sessions/",
    }


def test_abandoned_uploads_are_removed(data: Template) -> None:
    rules = _bucket(data)["LifecycleConfiguration"]["Rules"]  # type: ignore[index]

    assert {"DaysAfterInitiation": 7} in [
        rule.get("AbortIncompleteMultipartUpload") for rule in rules
    ]


def test_every_access_is_logged(data: Template) -> None:
    assert "AccessLogs" in text(_bucket(data)["LoggingConfiguration"]["DestinationBucketName"])  # type: ignore[index]


def test_tasks_never_delete(data: Template) -> None:
    policies = data.find_resources("AWS::IAM::ManagedPolicy")
    deleting = [name for name, entry in policies.items() if "s3:Delete" in str(entry)]

    assert [name for name in deleting if "HeadAccess" not in name] == []
    assert deleting


def test_nobody_reads_buckets_that_are_not_named(data: Template) -> None:
    granted = {
        text(resource)
        for policy in properties(data, "AWS::IAM::ManagedPolicy")
        for entry in policy["PolicyDocument"]["Statement"]
        if entry["Effect"] == "Allow"
        and any(action.startswith("s3:") for action in _list(entry["Action"]))
        for resource in _list(entry["Resource"])
    }

    assert granted == {
        "<StorageBucket5CB7C8EA.Arn>",
        "<StorageBucket5CB7C8EA.Arn>/*",
        "<StorageBucket5CB7C8EA.Arn>/_nextflow/runs/*/work/*",
        "arn:aws:s3:::1000genomes",
        "arn:aws:s3:::1000genomes/*",
    }


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]


def test_an_existing_bucket_is_used_as_it_is() -> None:
    templates = of(changed("workshop", storage__existing_bucket="our-genomes"))

    templates["data"].resource_count_is("AWS::S3::Bucket", 0)


def test_data_is_deleted_only_when_two_settings_say_so() -> None:
    both = {"delete_with_stack": True, "delete_data_for_good": True}
    templates = of(changed("workshop", storage=both))

    policies = {
        entry["DeletionPolicy"]
        for entry in templates["data"].find_resources("AWS::S3::Bucket").values()
    }
    assert policies == {"Delete"}
    templates["data"].resource_count_is("Custom::S3AutoDeleteObjects", 2)


def test_log_permissions_match_the_streams_that_they_name(data: Template) -> None:
    """A log group's own ARN ends in `:*`; a stream's has the group's name there."""
    named = {
        text(resource)
        for policy in properties(data, "AWS::IAM::ManagedPolicy")
        for entry in policy["PolicyDocument"]["Statement"]
        if "logs:" in str(entry["Action"])
        for resource in _list(entry["Resource"])
    }

    group = "arn:aws:logs:us-west-2:<AWS::AccountId>:log-group:<StorageLogs2A2D4D26>"
    assert named == {f"{group}:log-stream:nf-*", f"{group}:log-stream:worker/*"}


def test_a_customer_key_encrypts_bucket_logs_and_volumes(guarded: Templates) -> None:
    volumes = properties(guarded["batch"], "AWS::EC2::LaunchTemplate")[0]["LaunchTemplateData"]
    bucket = _bucket(guarded["data"])

    assert "aws:kms" in str(bucket["BucketEncryption"])
    guarded["data"].has_resource_properties("AWS::Logs::LogGroup", {"KmsKeyId": Match.any_value()})
    assert all("KmsKeyId" in device["Ebs"] for device in volumes["BlockDeviceMappings"])
    assert statement(guarded["batch"], "EncryptVolumes")["Action"] == [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ]


def test_auto_scaling_may_use_the_customer_key(guarded: Templates) -> None:
    (key,) = properties(guarded["data"], "AWS::KMS::Key")
    grants = [
        entry for entry in key["KeyPolicy"]["Statement"] if entry["Action"] == "kms:CreateGrant"
    ]

    caller = grants[0]["Condition"]["StringEquals"]
    assert "AWSServiceRoleForAutoScaling" in str(caller["aws:PrincipalArn"])
    assert grants[0]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
