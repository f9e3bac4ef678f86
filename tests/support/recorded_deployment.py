"""A healthy deployment in recorded answers, and `nfbatch` for it."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nfbatch import options, output
from nfbatch.__main__ import run
from tests.support.deployment import Answer
from tests.support.recorded_aws import Answers, RecordedAws

ACCOUNT = "123456789012"
BATCH = f"arn:aws:batch:us-west-2:{ACCOUNT}"
NOW = datetime.now(UTC)
JOB = "0b3ba3b5-3b6c-4a51-9d13-0d2f0f3f2c11"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/spot-ce_Batch_1"


def ago(minutes: float) -> int:
    """A time of Batch."""
    return int((NOW.timestamp() - minutes * 60) * 1000)


def environment(**changes: Any) -> dict[str, Any]:
    """A compute environment; `resources` changes its compute resources."""
    name = changes.pop("name", "spot-ce")
    return {
        "computeEnvironmentName": name,
        "computeEnvironmentArn": f"{BATCH}:compute-environment/{name}",
        "ecsClusterArn": CLUSTER,
        "type": "MANAGED",
        "state": "ENABLED",
        "status": "VALID",
        "statusReason": "ComputeEnvironment Healthy",
        "serviceRole": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/batch.amazonaws.com/"
        "AWSServiceRoleForBatch",
        "computeResources": {
            "type": "SPOT",
            "minvCpus": 0,
            "maxvCpus": 256,
            "desiredvCpus": 0,
            "instanceTypes": ["m6i.large", "m6i.xlarge"],
            "subnets": ["subnet-1"],
            "securityGroupIds": ["sg-1"],
            "launchTemplate": {"launchTemplateId": "lt-1", "version": "3"},
            "ec2Configuration": [{"imageType": "ECS_AL2023", "batchImageStatus": "LATEST"}],
            **changes.pop("resources", {}),
        },
        **changes,
    }


def queue(**changes: Any) -> dict[str, Any]:
    """The queue of tasks."""
    return {
        "jobQueueName": "default",
        "jobQueueArn": f"{BATCH}:job-queue/default",
        "state": "ENABLED",
        "status": "VALID",
        "priority": 1,
        "computeEnvironmentOrder": [
            {"order": 1, "computeEnvironment": f"{BATCH}:compute-environment/spot-ce"}
        ],
        **changes,
    }


def job(**changes: Any) -> dict[str, Any]:
    """A job of a task; `container` changes its container."""
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    return {
        "jobId": JOB,
        "jobName": "align",
        "jobQueue": f"{BATCH}:job-queue/default",
        "jobDefinition": f"{BATCH}:job-definition/nf-lab_tool:1",
        "status": "RUNNABLE",
        "createdAt": ago(30),
        "startedAt": ago(20),
        "container": {
            "image": "quay.io/lab/tool:9",
            "resourceRequirements": needs,
            **changes.pop("container", {}),
        },
        **changes,
    }


def subnet(**changes: Any) -> dict[str, Any]:
    """The subnet of the workers."""
    return {
        "SubnetId": "subnet-1",
        "VpcId": "vpc-1",
        "AvailabilityZone": "us-west-2a",
        "AvailableIpAddressCount": 250,
        "MapPublicIpOnLaunch": False,
        **changes,
    }


def routes(*ways: dict[str, Any]) -> dict[str, Any]:
    """The route table of the subnet."""
    table = {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": list(ways)}
    return {"RouteTables": [{**table, "Associations": [{"SubnetId": "subnet-1"}]}]}


def instance(**changes: Any) -> dict[str, Any]:
    """A worker."""
    made = {
        "InstanceId": "i-0123456789abcdef0",
        "LaunchTime": datetime.fromtimestamp(ago(15) / 1000, UTC),
        "State": {"Code": 16, "Name": "running"},
        **changes,
    }
    return {"Reservations": [{"Instances": [made]}]}


DOCUMENT = {
    "format": 1,
    "deployment": "lab",
    "job_definition": "nextflow",
    "head_queue": "default",
    "queues": ["default"],
    "logs": "s3://lab-bucket/_nextflow/logs",
    "runs": "s3://lab-bucket/_nextflow/runs",
    "uploads": "s3://lab-bucket/_nextflow/launch",
    "log_group": "lab-logs",
}
INSTANCE_TYPES = [
    {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": vcpus},
        "MemoryInfo": {"SizeInMiB": memory},
    }
    for name, vcpus, memory in (("m6i.large", 2, 8192), ("m6i.xlarge", 4, 16384))
]
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
#: Everything is as it should be, and no worker runs.
HEALTHY: Answers = {
    "GetParametersByPath": {
        "Parameters": [{"Name": "/nextflow-batch/lab", "Value": json.dumps(DOCUMENT)}]
    },
    "DescribeJobQueues": {"jobQueues": [queue()]},
    "DescribeComputeEnvironments": {"computeEnvironments": [environment()]},
    "DescribeJobs": {"jobs": [job()]},
    "GetJobQueueSnapshot": {"frontOfQueue": {"jobs": []}},
    "DescribeJobDefinitions": {
        "jobDefinitions": [
            {
                "jobDefinitionName": "nextflow",
                "jobDefinitionArn": f"{BATCH}:job-definition/nextflow:2",
                "revision": 2,
                "type": "container",
                "containerProperties": {
                    "image": f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/cdk-assets:abc"
                },
            }
        ]
    },
    "DescribeInstanceTypes": {"InstanceTypes": INSTANCE_TYPES},
    "DescribeSpotPriceHistory": {
        "SpotPriceHistory": [{"InstanceType": "m6i.large", "SpotPrice": "0.03"}]
    },
    "DescribeSubnets": {"Subnets": [subnet()]},
    "DescribeRouteTables": routes(NAT),
    "DescribeLaunchTemplates": {
        "LaunchTemplates": [{"LaunchTemplateId": "lt-1", "LatestVersionNumber": 3}]
    },
    "DescribeLaunchTemplateVersions": {
        "LaunchTemplateVersions": [
            {
                "LaunchTemplateData": {
                    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}]
                }
            }
        ]
    },
    "GetEbsDefaultKmsKeyId": {"KmsKeyId": "alias/aws/ebs"},
    "GetServiceQuota": {"Quota": {"QuotaCode": "L-34B43A08", "Value": 512.0}},
    "HeadBucket": {"BucketRegion": "us-west-2"},
}


def nfbatch(aws: RecordedAws, *words: str) -> Answer:
    """Run the command against recorded answers."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "connect", lambda *_: aws)
        patch.setattr(output, "now", lambda: ago(0))
        patch.delenv("NFBATCH_DEPLOYMENT", raising=False)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(list(words))
    return Answer(status, out.getvalue(), err.getvalue())
