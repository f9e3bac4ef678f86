"""A changed stack is changed as AWS changes it: in place, by replacement, in order, or not at all."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.server import LocalAws
from tests.support.local_aws import Stack, parameter, resource


def launch_template(instance_type: str) -> dict[str, Any]:
    return resource("EC2::LaunchTemplate", {"LaunchTemplateData": {"InstanceType": instance_type}})


def vpc(block: str = "10.2.0.0/16", **more: Any) -> dict[str, Any]:
    return resource("EC2::VPC", {"CidrBlock": block, **more})


def test_a_property_that_can_change_changes_in_place(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    stack.create({"Log": resource("Logs::LogGroup", {"RetentionInDays": 7})})
    before = stack.ids()
    assert stack.update({"Log": resource("Logs::LogGroup", {"RetentionInDays": 30})}) == (
        "UPDATE_COMPLETE"
    )

    assert stack.ids() == before
    (group,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=before["Log"])["logGroups"]
    assert group["retentionInDays"] == 30


def test_a_property_that_only_creation_sets_replaces_the_resource(
    aws: LocalAws, stack: Stack
) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    stack.create({"Vpc": vpc("10.2.0.0/16")})
    before = stack.ids()["Vpc"]
    stack.update({"Vpc": vpc("10.3.0.0/16")})
    after = stack.ids()["Vpc"]

    assert after != before
    existing = [item["VpcId"] for item in aws.client("ec2").describe_vpcs()["Vpcs"]]
    assert after in existing
    assert before not in existing
    assert ("Vpc", "UPDATE_IN_PROGRESS") in [event[:2] for event in stack.events()]


def test_what_refers_to_a_replaced_resource_follows_it(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    def resources(block: str) -> dict[str, Any]:
        return {
            "Note": parameter({"Ref": "Vpc"}, Name="/updates/vpc"),
            "Table": resource("EC2::RouteTable", {"VpcId": {"Ref": "Vpc"}}),
            "Vpc": vpc(block),
        }

    stack.create(resources("10.2.0.0/16"))
    before = stack.ids()
    stack.update(resources("10.3.0.0/16"))
    after = stack.ids()

    assert before["Note"] == after["Note"]
    assert before["Table"] != after["Table"]
    noted = aws.client("ssm").get_parameter(Name="/updates/vpc")["Parameter"]["Value"]
    assert noted == after["Vpc"]
    (table,) = aws.client("ec2").describe_route_tables(RouteTableIds=[after["Table"]])[
        "RouteTables"
    ]
    assert table["VpcId"] == after["Vpc"]


def test_a_changed_launch_template_is_a_new_version_that_others_see(
    aws: LocalAws, stack: Stack
) -> None:
    """The default version stays what it was.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-launchtemplate.html
    """

    def resources(instance_type: str) -> dict[str, Any]:
        latest = {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}
        default = {"Fn::GetAtt": ["Template", "DefaultVersionNumber"]}
        numbers = {"Fn::Join": ["/", [latest, default]]}
        return {"Template": launch_template(instance_type), "Note": parameter(numbers, Name="/lt")}

    stack.create(resources("m5.large"))
    before = stack.ids()["Template"]
    stack.update(resources("m6i.large"))

    assert stack.ids()["Template"] == before
    assert aws.client("ssm").get_parameter(Name="/lt")["Parameter"]["Value"] == "2/1"
    versions = aws.client("ec2").describe_launch_template_versions(LaunchTemplateId=before)
    assert {
        item["VersionNumber"]: item["LaunchTemplateData"]["InstanceType"]
        for item in versions["LaunchTemplateVersions"]
    } == {1: "m5.large", 2: "m6i.large"}


def test_what_the_template_no_longer_has_goes_last(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html
    """
    stack.create({"Old": parameter("x"), "Older": parameter({"Ref": "Old"})})
    stack.update({"New": parameter("y")})

    assert list(stack.ids()) == ["New"]
    happened = [event[:2] for event in stack.events("CREATE_COMPLETE", "DELETE_COMPLETE")][-3:]
    assert happened == [
        ("New", "CREATE_COMPLETE"),
        ("Older", "DELETE_COMPLETE"),
        ("Old", "DELETE_COMPLETE"),
    ]


def test_a_replaced_resource_stays_if_the_template_says_so(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatereplacepolicy.html
    """
    kept = {"UpdateReplacePolicy": "Retain"}
    stack.create({"Vpc": vpc("10.2.0.0/16") | kept})
    before = stack.ids()["Vpc"]
    stack.update({"Vpc": vpc("10.3.0.0/16") | kept})

    assert aws.client("ec2").describe_vpcs(VpcIds=[before])["Vpcs"]
    aws.client("ec2").delete_vpc(VpcId=before)


def test_a_resource_with_a_name_of_its_own_cannot_be_replaced(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html."""
    named = {"Bucket": resource("S3::Bucket", {"BucketName": "named-one"})}
    stack.create(named)
    changed = {"BucketName": "named-one", "ObjectLockEnabled": True, "BucketNamePrefix": "x"}
    status = stack.update({"Bucket": resource("S3::Bucket", changed)})

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    (failed,) = stack.events("UPDATE_FAILED")
    assert "cannot update a stack when a custom-named resource requires replacing" in failed[2]
    assert "Rename named-one" in failed[2]


def test_a_second_update_with_parameters_from_ssm_works(aws: LocalAws, stack: Stack) -> None:
    """The CDK's templates carry their bootstrap version so.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    aws.client("ssm").put_parameter(Name="/boot", Value="21", Type="String", Overwrite=True)
    kind = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/boot"}
    sections = {"Parameters": {"BootstrapVersion": kind}}
    stack.create({"Note": parameter("1")}, **sections)

    assert stack.update({"Note": parameter("2")}, **sections) == "UPDATE_COMPLETE"


def test_a_changed_parameter_changes_what_refers_to_it(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html."""
    resources = {"Note": parameter({"Ref": "Text"}, Name="/updates/text"), "Other": parameter("x")}
    sections = {"Parameters": {"Text": {"Type": "String"}, "More": {"Type": "String"}}}
    more = {"ParameterKey": "More", "ParameterValue": "more"}
    first = [{"ParameterKey": "Text", "ParameterValue": "one"}, more]
    stack.create(resources, options={"Parameters": first}, **sections)
    second = [
        {"ParameterKey": "Text", "ParameterValue": "two"},
        {"ParameterKey": "More", "UsePreviousValue": True},
    ]
    stack.update(resources, options={"Parameters": second}, **sections)

    assert aws.client("ssm").get_parameter(Name="/updates/text")["Parameter"]["Value"] == "two"
    assert [event[0] for event in stack.events("UPDATE_COMPLETE")] == ["Note", stack.name]


def test_the_same_template_again_is_no_update(stack: Stack) -> None:
    """AWS's own command line waits for these words.

    https://github.com/aws/aws-cli/blob/develop/awscli/customizations/cloudformation/deployer.py
    """
    stack.create({"Note": parameter("x")})
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        stack.update({"Note": parameter("x")})

    assert stack.status == "CREATE_COMPLETE"


def test_a_stacks_tags_reach_its_resources_and_follow_changes(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    """
    own = [{"Key": "own", "Value": "1"}]
    resources = {"Vpc": vpc(Tags=own), "Log": resource("Logs::LogGroup")}
    stack.create(resources, options={"Tags": [{"Key": "team", "Value": "blue"}]})
    stack.update(resources, options={"Tags": [{"Key": "team", "Value": "red"}]})

    (found,) = aws.client("ec2").describe_vpcs(VpcIds=[stack.ids()["Vpc"]])["Vpcs"]
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {"own": "1", "team": "red"}
    tags = aws.client("logs").list_tags_log_group(logGroupName=stack.ids()["Log"])["tags"]
    assert tags == {"team": "red"}


def test_an_update_that_fails_is_undone(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html
    """

    def resources(days: int, block: str, *broken: str) -> dict[str, Any]:
        last = {
            name: resource("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/24"})
            for name in broken
        }
        return {
            "Log": resource("Logs::LogGroup", {"RetentionInDays": days}),
            "Vpc": vpc(block),
            "Note": parameter({"Ref": "Vpc"}, Name="/updates/undone"),
            **last,
        }

    stack.create(resources(7, "10.2.0.0/16"))
    before = stack.ids()
    status = stack.update(resources(30, "10.3.0.0/16", "Broken"))

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.ids() == before
    (failed,) = stack.events("CREATE_FAILED")
    assert failed[0] == "Broken"
    assert "The CIDR '10.9.0.0/24' is invalid" in failed[2]
    (group,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=before["Log"])["logGroups"]
    assert group["retentionInDays"] == 7
    noted = aws.client("ssm").get_parameter(Name="/updates/undone")["Parameter"]["Value"]
    assert noted == before["Vpc"]
    blocks = [item["CidrBlock"] for item in aws.client("ec2").describe_vpcs()["Vpcs"]]
    assert "10.3.0.0/16" not in blocks


def test_an_update_after_one_that_failed_works(stack: Stack) -> None:
    """A stack in UPDATE_ROLLBACK_COMPLETE is in its previous working state.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
    """
    stack.create({"Note": parameter("1")})
    stack.update({"Note": parameter("1"), "Bad": resource("EC2::Subnet", {"VpcId": "vpc-0"})})

    assert stack.update({"Note": parameter("2")}) == "UPDATE_COMPLETE"


def test_an_update_may_be_left_where_it_failed_and_gone_on_with(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    """
    bad = {"Bad": resource("EC2::Subnet", {"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/24"})}
    stack.create({"Note": parameter("1")})
    left = {"DisableRollback": True}
    assert stack.update({"Note": parameter("2"), **bad}, options=left) == "UPDATE_FAILED"

    assert stack.update({"Note": parameter("2"), "Bad": vpc()}) == "UPDATE_COMPLETE"


def test_the_type_of_a_resource_cannot_change(stack: Stack) -> None:
    """https://github.com/aws/aws-sam-cli/issues/6786."""
    stack.create({"Thing": parameter("x")})

    with pytest.raises(ClientError, match=r"Update of resource type is not permitted.*\[Thing\]"):
        stack.update({"Thing": vpc()})

    assert stack.status == "CREATE_COMPLETE"


def test_the_template_that_was_deployed_can_be_read(stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html."""
    stack.create({"Note": parameter("x")})
    stack.update({"Note": parameter("y")})

    body = stack.api.get_template(StackName=stack.name)["TemplateBody"]
    assert body["Resources"]["Note"]["Properties"]["Value"] == "y", json.dumps(body)
