"""The real cdk command line works on the local AWS as on AWS."""

import shutil
from pathlib import Path

import pytest

from local_aws.cdk import Cdk, CdkError
from local_aws.server import LocalAws
from tests.local_world import ACCOUNT, REGION, local_world

APP = """
import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2, aws_logs as logs, aws_s3 as s3

app = cdk.App()
stack = cdk.Stack(app, "Tiny", env=cdk.Environment(account="ACCOUNT", region="REGION"))
days = int(app.node.try_get_context("days") or 7)
bucket = s3.Bucket(
    stack, "Data", enforce_ssl=True, versioned=True, removal_policy=cdk.RemovalPolicy.DESTROY,
    lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(days))],
)
logs.LogGroup(stack, "Log", removal_policy=cdk.RemovalPolicy.DESTROY)
kind = app.node.try_get_context("type") or "m5.large"
template = ec2.CfnLaunchTemplate(stack, "Template", launch_template_data={"instanceType": kind})
cdk.CfnOutput(stack, "Bucket", value=bucket.bucket_name)
cdk.CfnOutput(stack, "Version", value=template.attr_latest_version_number)
if app.node.try_get_context("broken"):
    cdk.CfnResource(
        stack, "Broken", type="AWS::EC2::Subnet",
        properties={"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/24"},
    )
app.synth()
"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("cdk") is None, reason="the cdk command line is not installed"),
]


def outputs(aws: LocalAws) -> dict[str, str]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="Tiny")["Stacks"]
    return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}


def test_an_app_is_bootstrapped_deployed_compared_changed_and_destroyed(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "cdk.json").write_text('{"app": "python app.py"}')
    (folder / "app.py").write_text(APP.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION))
    said: list[str] = []
    with local_world(tmp_path / "aws") as aws:
        cdk = Cdk(aws, folder, say=said.append)
        cdk.bootstrap()
        ssm = aws.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        assert int(ssm["Parameter"]["Value"]) >= 6

        with pytest.raises(CdkError) as failed:
            cdk.deploy(context={"broken": "1"})
        assert "VpcID vpc-0 does not exist" in failed.value.output

        cdk.deploy()
        assert any("CREATE_COMPLETE" in line and "AWS::S3::Bucket " in line for line in said)
        assert not cdk.diff().any

        changed = {"days": "9", "type": "m6i.large"}
        found = cdk.diff(context=changed)
        assert found.any
        assert "ExpirationInDays" in found.text
        before = outputs(aws)
        cdk.deploy(context=changed)
        after = outputs(aws)
        rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=after["Bucket"])["Rules"]
        assert rules[0]["Expiration"] == {"Days": 9}
        assert before == {"Bucket": after["Bucket"], "Version": "1"}
        assert after["Version"] == "2"

        cdk.destroy()
        names = [
            item["StackName"] for item in aws.client("cloudformation").describe_stacks()["Stacks"]
        ]
        assert names == ["CDKToolkit"]
        assert after["Bucket"] not in [
            item["Name"] for item in aws.client("s3").list_buckets()["Buckets"]
        ]
        assert aws.skipped_resource_types == []
