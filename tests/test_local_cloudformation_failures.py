"""What fails says why, is taken back, and leaves the name to be used again."""

import pytest
from botocore.exceptions import ClientError

from local_aws.server import LocalAws
from tests.support.local_aws import Stack, parameter, resource

GOOD = {"Vpc": resource("EC2::VPC", {"CidrBlock": "10.5.0.0/16"})}
BAD = {
    "Subnet": resource("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/24"}),
}


def vpcs(aws: LocalAws) -> list[str]:
    return [item["CidrBlock"] for item in aws.client("ec2").describe_vpcs()["Vpcs"]]


def test_a_create_that_fails_is_rolled_back_and_says_why(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html."""
    assert stack.create(GOOD | BAD) == "ROLLBACK_COMPLETE"

    (failed,) = stack.events("CREATE_FAILED")
    assert failed[0] == "Subnet"
    assert failed[2].startswith("Resource handler returned message: \"The CIDR '10.9.0.0/24'")
    assert "(Service: EC2, Status Code: 400)" in failed[2]
    whole = stack.events("ROLLBACK_IN_PROGRESS")[0]
    assert whole[2] == (
        "The following resource(s) failed to create: [Subnet].  Rollback requested by user."
    )
    assert "10.5.0.0/16" not in vpcs(aws)
    assert stack.ids() == {}


def test_the_name_of_a_rolled_back_stack_is_free_once_it_is_deleted(stack: Stack) -> None:
    """Only a delete can follow ROLLBACK_COMPLETE.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
    """
    stack.create(GOOD | BAD)
    with pytest.raises(ClientError, match="already exists"):
        stack.create(GOOD)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stack.update(GOOD)
    stack.delete()

    assert stack.create(GOOD) == "CREATE_COMPLETE"


def test_a_failed_create_deletes_the_stack_if_asked_to(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    body = {"OnFailure": "DELETE"}
    with pytest.raises(ClientError, match="does not exist"):
        stack.create(GOOD | BAD, options=body)


def test_a_failed_create_stays_as_it_is_if_asked_to(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    """
    assert stack.create(GOOD | BAD, options={"OnFailure": "DO_NOTHING"}) == "CREATE_FAILED"
    assert "10.5.0.0/16" in vpcs(aws)

    stack.delete()
    assert "10.5.0.0/16" not in vpcs(aws)


def test_what_is_made_by_halves_is_taken_back_too(aws: LocalAws, stack: Stack) -> None:
    """The bucket exists by the time that its configuration is refused.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
    """
    logging = {"DestinationBucketName": "not-there"}
    properties = {"BucketName": "half-made", "LoggingConfiguration": logging}
    status = stack.create({"Bucket": resource("S3::Bucket", properties)})

    assert status == "ROLLBACK_COMPLETE"
    assert "half-made" not in [item["Name"] for item in aws.client("s3").list_buckets()["Buckets"]]


def test_a_property_that_the_api_does_not_take_fails_the_resource(stack: Stack) -> None:
    """Resource types take no additional properties.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    data = {"LaunchTemplateData": {"InstanceTipe": "m5.large"}}

    assert stack.create({"T": resource("EC2::LaunchTemplate", data)}) == "ROLLBACK_COMPLETE"
    assert "InstanceTipe" in stack.events("CREATE_FAILED")[0][2]


def test_a_delete_that_fails_says_why_and_can_be_repeated(aws: LocalAws, stack: Stack) -> None:
    """Only empty buckets can be deleted; after DELETE_FAILED a stack can be deleted again.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-s3-bucket.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
    """
    s3 = aws.client("s3")
    bucket = resource("S3::Bucket", {"BucketName": "not-empty"})
    needs = parameter("x") | {"DependsOn": "Bucket"}
    stack.create({"Bucket": bucket, "Note": needs})
    s3.put_object(Bucket="not-empty", Key="k", Body=b"")
    stack.delete()

    assert stack.status == "DELETE_FAILED"
    assert stack.describe()["StackStatusReason"] == (
        "The following resource(s) failed to delete: [Bucket]. "
    )
    assert "not empty" in stack.events("DELETE_FAILED")[0][2]
    s3.delete_object(Bucket="not-empty", Key="k")
    stack.delete()
    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_resources_go_in_reverse_order_and_retained_ones_stay(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    stack.create(
        {
            "Vpc": resource("EC2::VPC", {"CidrBlock": "10.6.0.0/16"}),
            "Subnet": resource(
                "EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.6.0.0/24"}
            ),
            "Bucket": resource("S3::Bucket", {"BucketName": "kept"}, DeletionPolicy="Retain"),
        }
    )
    stack_id = stack.describe()["StackId"]
    stack.delete()

    ended = Stack(aws, stack_id)
    assert ended.status == "DELETE_COMPLETE"
    gone = [event[:2] for event in ended.events("DELETE_COMPLETE", "DELETE_SKIPPED")]
    assert gone.index(("Subnet", "DELETE_COMPLETE")) < gone.index(("Vpc", "DELETE_COMPLETE"))
    assert ("Bucket", "DELETE_SKIPPED") in gone
    assert aws.client("s3").head_bucket(Bucket="kept")


def test_a_resource_that_is_gone_already_does_not_stop_the_delete(
    aws: LocalAws, stack: Stack
) -> None:
    """A delete handler answers NotFound, which is what a delete wants.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
    """
    stack.create({"Note": parameter("x", Name="/gone/already")})
    aws.client("ssm").delete_parameter(Name="/gone/already")
    stack.delete()

    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_a_protected_stack_cannot_be_deleted(stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    stack.create({"Note": parameter("x")}, options={"EnableTerminationProtection": True})
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection"):
        stack.delete()
    stack.api.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
    stack.delete()

    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()


def test_deleting_a_stack_that_is_not_there_is_no_error(stack: Stack) -> None:
    """DeleteStack has no error for it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
    """
    stack.delete()


def test_an_unknown_type_is_skipped_and_named(aws: LocalAws, stack: Stack) -> None:
    """Ours: AWS knows all its types."""
    unknown = resource("CloudTrail::Trail", {"IsLogging": True})
    status = stack.create({"Trail": unknown, "Meta": resource("CDK::Metadata")})

    assert status == "CREATE_COMPLETE"
    assert "AWS::CloudTrail::Trail" in aws.skipped_resource_types
    assert "AWS::CDK::Metadata" not in aws.skipped_resource_types


def test_a_property_without_effect_is_named(aws: LocalAws, stack: Stack) -> None:
    """Ours: on AWS each property has its effect."""
    accelerated = {"AccelerateConfiguration": {"AccelerationStatus": "Enabled"}}
    stack.create({"Bucket": resource("S3::Bucket", accelerated)})

    assert "AWS::S3::Bucket.AccelerateConfiguration" in aws.skipped_resource_types


def test_an_action_that_is_not_there_says_so(aws: LocalAws) -> None:
    """Ours: AWS has all its actions."""
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").list_types()

    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "Not in the local AWS" in refused.value.response["Error"]["Message"]
