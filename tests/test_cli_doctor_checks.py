"""`nfbatch doctor`: each check of a deployment, from answers in AWS's form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nfbatch.doctor import causes
from nfbatch.doctor.examination import CHECKS
from nfbatch.error import Kind
from stacks import paths
from tests.support.recorded_aws import Answers, Denied, RecordedAws, Refused
from tests.support.recorded_deployment import (
    BATCH,
    HEALTHY,
    JOB,
    ago,
    environment,
    job,
    nfbatch,
    queue,
    routes,
    subnet,
)

DOCUMENT = paths.ROOT / "docs" / "doctor.md"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"


def examined(answers: Answers) -> dict[str, Any]:
    done = nfbatch(RecordedAws({**HEALTHY, **answers}), "doctor", "--json")
    assert done.status in (0, Kind.RUN_FAILED), done.err
    found: dict[str, Any] = json.loads(done.out)
    assert done.status == any(each["problem"] for each in found["findings"])
    return found


def environments(**changes: Any) -> Answers:
    return {"DescribeComputeEnvironments": {"computeEnvironments": [environment(**changes)]}}


def key(policy: dict[str, Any], state: str = "Enabled") -> Answers:
    described = {"KeyId": "1", "KeyManager": "CUSTOMER", "KeyState": state}
    return {
        "GetEbsDefaultKmsKeyId": {"KmsKeyId": KEY},
        "DescribeKey": {"KeyMetadata": described},
        "GetKeyPolicy": {"Policy": json.dumps(policy)},
    }


def image(**entry: Any) -> Answers:
    return environments(resources={"ec2Configuration": [{"imageType": "ECS_AL2023", **entry}]})


def runs(count: int) -> Answers:
    ids = [f"{number:08}-3b6c-4a51-9d13-0d2f0f3f2c11" for number in range(count)]
    summaries = [{"jobId": each, "jobName": "run", "createdAt": 1} for each in ids]
    heads = [
        job(jobId=each, jobDefinition=f"{BATCH}:job-definition/nextflow:1", status="RUNNING")
        for each in ids
    ]
    return {"ListJobs": {"jobSummaryList": summaries}, "DescribeJobs": {"jobs": heads}}


ROLE = {
    "Role": {
        "Path": "/",
        "RoleName": "r",
        "RoleId": "AROA000000000000",
        "Arn": "arn:aws:iam::123456789012:role/r",
        "CreateDate": datetime(2026, 1, 2, tzinfo=UTC),
    }
}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
OUT = {"DestinationCidrBlock": "0.0.0.0/0", "State": "active"}
FOUND: list[tuple[str, Answers, str]] = [
    ("queues", {"DescribeJobQueues": {"jobQueues": []}}, "the queue default does not exist"),
    (
        "queues",
        {"DescribeJobQueues": {"jobQueues": [queue(state="DISABLED")]}},
        "the queue default is disabled",
    ),
    (
        "environments",
        environments(state="DISABLED"),
        "the compute environment spot-ce is disabled",
    ),
    (
        "user-data-not-mime",
        environments(status="INVALID", statusReason="UserData is not MIME multipart format"),
        "spot-ce is INVALID because the user data of its launch template is not MIME multipart",
    ),
    (
        "launch-template",
        environments(resources={"launchTemplate": {"launchTemplateId": "lt-1", "version": "2"}}),
        "the compute environments use version 2 of the launch template lt-1, and the newest is 3",
    ),
    (
        "launch-template",
        {"DescribeLaunchTemplates": {"LaunchTemplates": []}},
        "the launch template lt-1 was deleted",
    ),
    (
        "ami",
        image(imageType="ECS_AL2"),
        "spot-ce uses Amazon Linux 2 (ECS_AL2), which Batch no longer supports for new"
        " environments",
    ),
    (
        "ami",
        image(batchImageStatus="UPDATE_AVAILABLE"),
        "spot-ce starts an older AMI than Batch's newest",
    ),
    (
        "ami",
        image(imageIdOverride="ami-1"),
        "spot-ce starts the AMI ami-1, which does not exist or is not shared",
    ),
    (
        "network",
        {"DescribeRouteTables": routes(LOCAL)},
        "subnet-1 has no way out and no endpoint for ecs, ecs-agent, ecs-telemetry, ecr.api,"
        " ecr.dkr, logs, ec2, s3: workers there cannot join",
    ),
    (
        "network",
        {"DescribeRouteTables": routes({**OUT, "NatGatewayId": "nat-1", "State": "blackhole"})},
        "the default route of subnet-1 leads to something that was deleted: workers there cannot"
        " join",
    ),
    (
        "network",
        {"DescribeRouteTables": routes({**OUT, "GatewayId": "igw-1"})},
        "subnet-1 leads to an internet gateway, but its instances get no public address: workers"
        " there cannot join",
    ),
    (
        "network",
        {"DescribeSubnets": {"Subnets": [subnet(AvailableIpAddressCount=3)]}},
        "subnet-1 has only 3 free addresses",
    ),
    (
        "quotas",
        {"GetServiceQuota": {"Quota": {"Value": 5.0}}},
        "the compute environments may have 256 vCPUs, and the account's quota 'All Standard Spot"
        " Instance Requests' is 5: jobs beyond it stay RUNNABLE",
    ),
    (
        "service-linked-roles",
        {"GetRole": lambda p: Refused("NoSuchEntity") if "Spot" in p["RoleName"] else ROLE},
        "the account has no role AWSServiceRoleForEC2Spot",
    ),
    (
        "volume-key",
        key({"Statement": []}),
        f"the account's default key of EBS, {KEY}, does not allow AWSServiceRoleForAutoScaling to"
        " use it: instances end while they start",
    ),
    (
        "volume-key",
        key({}, state="Disabled"),
        f"the account's default key of EBS, {KEY}, is Disabled",
    ),
    (
        "head-image",
        {"DescribeImages": Refused("ImageNotFoundException")},
        "the head's image 123456789012.dkr.ecr.us-west-2.amazonaws.com/cdk-assets:abc does not"
        " exist any more",
    ),
    (
        "head-image",
        {"DescribeJobDefinitions": {"jobDefinitions": []}},
        "the head's job definition nextflow is not registered",
    ),
    (
        "bucket-region",
        {"HeadBucket": {"BucketRegion": "eu-west-1"}},
        "the bucket lab-bucket is in eu-west-1, and the workers are in us-west-2: each GB between"
        " them costs money and time",
    ),
    (
        "bucket-region",
        {"HeadBucket": Refused("404")},
        "the bucket lab-bucket does not exist",
    ),
    (
        "leftovers",
        {
            "DescribeVolumes": {
                "Volumes": [
                    {
                        "VolumeId": "vol-1",
                        "Size": 50,
                        "State": "available",
                        "CreateTime": datetime(2026, 1, 2, tzinfo=UTC),
                        "Tags": [{"Key": "nextflow-batch:deployment", "Value": "lab"}],
                    }
                ]
            }
        },
        "1 volumes are left of deployments or runs that no longer exist",
    ),
    (
        "api-budget",
        runs(3),
        "3 runs are active, and together may submit 120 jobs a second; the account's limit is 50,"
        " beyond which Nextflow repeats calls",
    ),
    (
        "larger-than-instances",
        {
            "GetJobQueueSnapshot": {
                "frontOfQueue": {
                    "jobs": [{"jobArn": f"{BATCH}:job/{JOB}", "earliestTimeAtPosition": ago(60)}]
                }
            },
            "DescribeJobs": {
                "jobs": [job(container={"resourceRequirements": [{"type": "VCPU", "value": "9"}]})]
            },
        },
        "align asks for 9 vCPUs, 0 MiB and 0 GPUs, and no instance type of spot-ce has that much"
        " for one job",
    ),
]


@pytest.mark.parametrize(("name", "answers", "sentence"), FOUND)
def test_what_is_wrong_is_found(name: str, answers: Answers, sentence: str) -> None:
    found = examined(answers)["findings"]

    assert (name, sentence) in [(each["id"], each["sentence"]) for each in found]


def test_nothing_is_found_in_a_healthy_deployment() -> None:
    found = examined({})

    assert (found["findings"], found["not_checked"]) == ([], [])
    assert sorted(found["passed"]) == sorted(check.id for check in CHECKS)


def test_endpoints_take_the_place_of_a_way_out() -> None:
    names = ("ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "logs", "ec2")
    interfaces: list[dict[str, Any]] = [
        {"ServiceName": f"com.amazonaws.us-west-2.{name}"} for name in names
    ]
    gateway: dict[str, Any] = {
        "ServiceName": "com.amazonaws.us-west-2.s3",
        "VpcEndpointType": "Gateway",
        "RouteTableIds": ["rtb-1"],
    }
    made = [{**each, "VpcId": "vpc-1", "State": "Available"} for each in [*interfaces, gateway]]
    answers = {
        "DescribeRouteTables": routes(LOCAL),
        "DescribeVpcEndpoints": {"VpcEndpoints": made},
    }

    assert "network" in examined(answers)["passed"]


def test_an_old_ami_of_ones_own_is_worth_knowing() -> None:
    known = {"Images": [{"ImageId": "ami-1", "CreationDate": "2025-01-02T03:04:05.000Z"}]}
    # ECR has an operation of the same name, which fails with this answer.
    found = examined(
        {
            **image(imageIdOverride="ami-1"),
            "DescribeImages": lambda p: (
                known if "Filters" in p else Refused("ImageNotFoundException")
            ),
        }
    )["findings"]

    (ami,) = [each for each in found if each["id"] == "ami"]
    assert "days old" in ami["sentence"]
    assert not ami["problem"]


def test_a_key_that_admits_auto_scaling_is_right() -> None:
    role = "arn:aws:iam::1:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": role}}]}

    assert "volume-key" in examined(key(policy))["passed"]


def test_a_missing_permission_leaves_its_check_out_and_no_other() -> None:
    found = examined(
        {
            "DescribeRouteTables": Denied(),
            "GetServiceQuota": Denied("servicequotas:GetServiceQuota"),
            "GetRole": Refused("Throttling"),
        }
    )

    assert found["findings"] == []
    assert sorted(each["what"] for each in found["not_checked"]) == [
        "network",
        "quotas",
        "service-linked-roles",
    ]
    whys = {each["what"]: each["why"] for each in found["not_checked"]}
    assert whys["network"] == "needs ec2:DescribeRouteTables"
    assert whys["quotas"] == "needs servicequotas:GetServiceQuota"
    assert len(found["passed"]) == len(CHECKS) - 3


def test_without_any_permission_every_check_says_what_it_needs() -> None:
    aws = RecordedAws({"GetParametersByPath": HEALTHY["GetParametersByPath"]})
    aws.answers |= {
        name: Denied()
        for name in (*HEALTHY, "ListJobs", "GetRole", "DescribeImages", "GetResources")
        if name != "GetParametersByPath"
    }
    done = nfbatch(aws, "doctor")

    assert done.status == 0
    assert done.out.count("not checked: ") == len(CHECKS)
    assert f"0 of {len(CHECKS)} checks of lab passed\n" in done.out


def test_expired_credentials_end_the_command() -> None:
    aws = RecordedAws({**HEALTHY, "GetRole": Refused("ExpiredToken")})
    done = nfbatch(aws, "doctor")

    assert (done.status, done.err.count("\n")) == (Kind.NO_CREDENTIALS, 1)


def test_queues_and_environments_are_asked_for_once() -> None:
    aws = RecordedAws(HEALTHY)
    nfbatch(aws, "doctor")

    assert aws.calls["DescribeComputeEnvironments"] == 1
    assert aws.calls["DescribeSubnets"] == 1
    # Leftovers ask for all queues of the account.
    assert aws.calls["DescribeJobQueues"] == 2


def test_the_document_has_the_table_of_causes_and_checks() -> None:
    text = DOCUMENT.read_text()
    begin, end = "<!-- causes -->\n", "\n<!-- end of causes -->"
    shown = text[text.index(begin) + len(begin) : text.index(end)]

    assert shown.strip() == causes.table(), "write nfbatch.doctor.causes.table() into it"
    for check in CHECKS:
        assert f"| [`{check.id}`]({check.link}) | {check.title} | `{check.action}` |" in text


def test_ids_are_unique_and_texts_have_their_own_cause() -> None:
    all_causes = [cause for group in causes.GROUPS.values() for cause in group]
    ids = [cause.id for cause in all_causes]

    assert len(ids) == len(set(ids)) >= 30
    for cause in all_causes:
        assert cause.link.startswith("https://")
        assert bool(cause.pattern) == bool(cause.example), cause.id
