"""Every property that a template gives a resource is there when the service is asked for it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.server import LocalAws
from tests.support.local_aws import ACCOUNT, REGION, Stack, parameter, resource
from tests.support.service_model import strict

TAGS = [{"Key": "team", "Value": "blue"}]


def one(items: list[dict[str, Any]]) -> dict[str, Any]:
    (item,) = items
    return item


def trust(service: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def allow(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


BUCKET = {
    "BucketName": "whole-bucket",
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": "true"}
        ]
    },
    "LifecycleConfiguration": {
        "Rules": [
            {"Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
            {"Id": "work", "Status": "Enabled", "Prefix": "_nextflow/runs/", "ExpirationInDays": "30"},
            {
                "Id": "tagged",
                "Status": "Disabled",
                "TagFilters": [{"Key": "a", "Value": "b"}],
                "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
            },
        ]
    },
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True, "BlockPublicPolicy": "true", "IgnorePublicAcls": True, "RestrictPublicBuckets": False
    },
    "Tags": TAGS,
    "VersioningConfiguration": {"Status": "Enabled"},
}  # fmt: skip


def test_a_bucket_has_all_its_configuration(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-s3-bucket.html."""
    stack.create({"Bucket": resource("S3::Bucket", BUCKET)})
    s3, bucket = aws.client("s3"), {"Bucket": "whole-bucket"}

    assert s3.get_bucket_location(**bucket)["LocationConstraint"] == REGION
    encryption = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert one(encryption)["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    assert one(encryption)["BucketKeyEnabled"] is True
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]}
    assert rules["uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rules["work"]["Expiration"] == {"Days": 30}
    assert rules["work"]["Filter"] == {"Prefix": "_nextflow/runs/"}
    assert rules["tagged"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 5}
    assert rules["tagged"]["Filter"] == {"Tag": {"Key": "a", "Value": "b"}}
    ownership = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }
    assert s3.get_bucket_tagging(**bucket)["TagSet"] == TAGS
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"


def test_a_bucket_loses_what_its_template_loses(aws: LocalAws, stack: Stack) -> None:
    """Versioning, once enabled, can only be suspended.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-s3-bucket.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
    """
    stack.create({"Bucket": resource("S3::Bucket", BUCKET)})
    stack.update({"Bucket": resource("S3::Bucket", {"BucketName": "whole-bucket"})})
    s3, bucket = aws.client("s3"), {"Bucket": "whole-bucket"}

    assert s3.get_bucket_versioning(**bucket)["Status"] == "Suspended"
    for read, code in {
        "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "get_public_access_block": "NoSuchPublicAccessBlockConfiguration",
        "get_bucket_tagging": "NoSuchTagSet",
    }.items():
        with pytest.raises(s3.exceptions.ClientError, match=code):
            getattr(s3, read)(**bucket)


def test_a_bucket_has_its_policy_and_logs_to_another(aws: LocalAws, stack: Stack) -> None:
    """The usual cycle: the log bucket's policy names the bucket that logs to it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-s3-policy.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    arn = {"Fn::GetAtt": ["Data", "Arn"]}
    statement = allow("s3:PutObject")["Statement"][0] | {
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Condition": {"ArnLike": {"aws:SourceArn": arn}},
    }
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement, tls_only]}
    stack.create(
        {
            "Logs": resource("S3::Bucket", {"BucketName": "log-bucket"}),
            "Policy": resource(
                "S3::BucketPolicy", {"Bucket": {"Ref": "Logs"}, "PolicyDocument": policy}
            ),
            "Data": resource(
                "S3::Bucket",
                {"LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}}},
            ),
        }
    )
    s3, data = aws.client("s3"), stack.ids()["Data"]

    logging = s3.get_bucket_logging(Bucket=data)["LoggingEnabled"]
    assert logging["TargetBucket"] == "log-bucket"
    stored = json.loads(s3.get_bucket_policy(Bucket="log-bucket")["Policy"])
    assert stored["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"] == f"arn:aws:s3:::{data}"
    assert s3.put_object(Bucket="log-bucket", Key="k", Body=b"plain HTTP is taken")
    s3.delete_object(Bucket="log-bucket", Key="k")


def test_a_bucket_that_the_cdk_would_empty_is_emptied(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/python/aws_cdk.aws_s3.mixins/BucketAutoDeleteObjects.html."""
    emptied = {
        "Type": "Custom::S3AutoDeleteObjects",
        "Properties": {"ServiceToken": "arn", "BucketName": {"Ref": "Bucket"}},
    }
    versioned = {
        "BucketName": "to-be-emptied",
        "Tags": [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}],
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    stack.create({"Bucket": resource("S3::Bucket", versioned), "Emptied": emptied})
    s3 = aws.client("s3")
    for body in (b"1", b"2"):
        s3.put_object(Bucket="to-be-emptied", Key="k", Body=body)
    s3.delete_object(Bucket="to-be-emptied", Key="k")
    stack.delete()

    assert "to-be-emptied" not in [item["Name"] for item in s3.list_buckets()["Buckets"]]


def test_a_bucket_without_the_tag_keeps_its_objects(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/cdk/api/v2/python/aws_cdk.aws_s3.mixins/BucketAutoDeleteObjects.html."""
    emptied = {
        "Type": "Custom::S3AutoDeleteObjects",
        "Properties": {"ServiceToken": "arn", "BucketName": {"Ref": "Bucket"}},
    }
    kept = resource("S3::Bucket", {"BucketName": "to-be-kept"}, DeletionPolicy="Retain")
    stack.create({"Bucket": kept, "Emptied": emptied})
    aws.client("s3").put_object(Bucket="to-be-kept", Key="k", Body=b"1")
    stack.update({"Bucket": kept})

    assert aws.client("s3").list_objects_v2(Bucket="to-be-kept")["KeyCount"] == 1


def network() -> dict[str, Any]:
    vpc, subnet, table = {"Ref": "Vpc"}, {"Ref": "Subnet"}, {"Ref": "Table"}
    zone = {"Fn::Select": [1, {"Fn::GetAZs": ""}]}
    gateway = {"Ref": "Internet"}
    return {
        "Vpc": resource(
            "EC2::VPC",
            {"CidrBlock": "10.7.0.0/16", "EnableDnsHostnames": True, "Tags": TAGS},
        ),
        "Subnet": resource(
            "EC2::Subnet",
            {
                "VpcId": vpc,
                "CidrBlock": "10.7.1.0/24",
                "AvailabilityZone": zone,
                "MapPublicIpOnLaunch": "true",
                "Tags": TAGS,
            },
        ),
        "Table": resource("EC2::RouteTable", {"VpcId": vpc, "Tags": TAGS}),
        "Association": resource(
            "EC2::SubnetRouteTableAssociation", {"SubnetId": subnet, "RouteTableId": table}
        ),
        "Internet": resource("EC2::InternetGateway", {"Tags": TAGS}),
        "Attachment": resource(
            "EC2::VPCGatewayAttachment", {"VpcId": vpc, "InternetGatewayId": gateway}
        ),
        "Route": resource(
            "EC2::Route",
            {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway},
            DependsOn="Attachment",
        ),
        "Address": resource("EC2::EIP", {"Domain": "vpc", "Tags": TAGS}),
        "Nat": resource(
            "EC2::NatGateway",
            {"AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}, "SubnetId": subnet},
        ),
        "Group": resource(
            "EC2::SecurityGroup",
            {
                "GroupDescription": "workers",
                "VpcId": vpc,
                "SecurityGroupEgress": [
                    {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": "443", "ToPort": 443}
                ],
            },
        ),
        "Storage": resource(
            "EC2::VPCEndpoint",
            {
                "ServiceName": {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"},
                "VpcEndpointType": "Gateway",
                "VpcId": vpc,
                "RouteTableIds": [table],
            },
        ),
        "Flow": resource(
            "EC2::FlowLog",
            {
                "ResourceId": vpc,
                "ResourceType": "VPC",
                "TrafficType": "REJECT",
                "LogDestinationType": "cloud-watch-logs",
                "LogGroupName": {"Ref": "FlowLogs"},
                "DeliverLogsPermissionArn": {"Fn::GetAtt": ["FlowRole", "Arn"]},
                "Tags": TAGS,
            },
        ),
        "FlowLogs": resource("Logs::LogGroup"),
        "FlowRole": resource(
            "IAM::Role", {"AssumeRolePolicyDocument": trust("vpc-flow-logs.amazonaws.com")}
        ),
    }


def test_a_network_is_as_its_template_says(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-vpc.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-subnet.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-route.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-natgateway.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-vpcendpoint.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-flowlog.html
    """
    assert stack.create(network()) == "CREATE_COMPLETE"
    ec2, ids = aws.client("ec2"), stack.ids()

    names = ec2.describe_vpc_attribute(VpcId=ids["Vpc"], Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"]["Value"] is True
    subnet = one(ec2.describe_subnets(SubnetIds=[ids["Subnet"]])["Subnets"])
    assert subnet["MapPublicIpOnLaunch"] is True
    assert subnet["AvailabilityZone"] == "us-west-2b"
    assert subnet["Tags"] == TAGS
    table = one(ec2.describe_route_tables(RouteTableIds=[ids["Table"]])["RouteTables"])
    assert table["Associations"][0]["SubnetId"] == ids["Subnet"]
    ways_out = {
        route.get("DestinationCidrBlock"): route.get("GatewayId") for route in table["Routes"]
    }
    assert ways_out["0.0.0.0/0"] == ids["Internet"]
    gateway = one(
        ec2.describe_internet_gateways(InternetGatewayIds=[ids["Internet"]])["InternetGateways"]
    )
    assert gateway["Attachments"][0]["VpcId"] == ids["Vpc"]
    nat = one(ec2.describe_nat_gateways(NatGatewayIds=[ids["Nat"]])["NatGateways"])
    assert nat["NatGatewayAddresses"][0]["PublicIp"] == ids["Address"]
    group = one(ec2.describe_security_groups(GroupIds=[ids["Group"]])["SecurityGroups"])
    assert [rule["FromPort"] for rule in group["IpPermissionsEgress"]] == [443]
    endpoint = one(ec2.describe_vpc_endpoints(VpcEndpointIds=[ids["Storage"]])["VpcEndpoints"])
    assert endpoint["RouteTableIds"] == [ids["Table"]]
    flow = one(ec2.describe_flow_logs(FlowLogIds=[ids["Flow"]])["FlowLogs"])
    assert (flow["ResourceId"], flow["LogGroupName"]) == (ids["Vpc"], ids["FlowLogs"])


def test_a_network_goes_without_a_trace(aws: LocalAws, stack: Stack) -> None:
    """Resources that depend on others go before them.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
    """
    ec2 = aws.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    stack.create(network())
    stack.delete()

    assert len(ec2.describe_vpcs()["Vpcs"]) == before
    assert ec2.describe_addresses()["Addresses"] == []


def test_the_rules_of_a_security_group_change(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-ec2-security-group.html."""

    def group(*ports: int) -> dict[str, Any]:
        rules = [
            {"CidrIp": "10.0.0.0/8", "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
            for port in ports
        ]
        return resource(
            "EC2::SecurityGroup", {"GroupDescription": "x", "SecurityGroupIngress": rules}
        )

    stack.create({"Group": group(80, 443)})
    stack.update({"Group": group(443, 8080)})

    ids = [stack.ids()["Group"]]
    found = one(aws.client("ec2").describe_security_groups(GroupIds=ids)["SecurityGroups"])
    assert sorted(rule["FromPort"] for rule in found["IpPermissions"]) == [443, 8080]
    assert found["IpPermissionsEgress"][0]["IpProtocol"] == "-1"


def test_a_launch_template_has_its_data_and_tags(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-launchtemplate.html."""
    data = {
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "100", "Encrypted": "true"}}
        ],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        "TagSpecifications": [{"ResourceType": "volume", "Tags": TAGS}],
        "UserData": {"Fn::Base64": "#!/bin/sh"},
    }
    specifications = [{"ResourceType": "launch-template", "Tags": TAGS}]
    properties = {"LaunchTemplateData": data, "TagSpecifications": specifications}
    stack.create({"T": resource("EC2::LaunchTemplate", properties)})
    ec2, template = aws.client("ec2"), {"LaunchTemplateId": stack.ids()["T"]}

    version = one(ec2.describe_launch_template_versions(**template)["LaunchTemplateVersions"])
    seen = version["LaunchTemplateData"]
    assert seen["BlockDeviceMappings"][0]["Ebs"] == {"VolumeSize": 100, "Encrypted": True}
    assert seen["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert seen["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    assert seen["TagSpecifications"] == [{"ResourceType": "volume", "Tags": TAGS}]
    assert seen["UserData"] == "IyEvYmluL3No"
    ids = [template["LaunchTemplateId"]]
    found = one(ec2.describe_launch_templates(LaunchTemplateIds=ids)["LaunchTemplates"])
    assert found["Tags"] == TAGS


def test_a_role_has_its_policies_and_changes_in_place(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-managedpolicy.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-instanceprofile.html
    """
    aws_policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"

    def resources(*, words: str, action: str, managed: list[Any]) -> dict[str, Any]:
        role = {
            "AssumeRolePolicyDocument": trust("ec2.amazonaws.com"),
            "Description": words,
            "ManagedPolicyArns": managed,
            "Path": "/nextflow/",
            "Policies": [{"PolicyName": "inline", "PolicyDocument": allow(action)}],
            "Tags": TAGS,
        }
        named = {"PolicyName": "attached", "Roles": [{"Ref": "Role"}]}
        return {
            "Role": resource("IAM::Role", role),
            "Managed": resource("IAM::ManagedPolicy", {"PolicyDocument": allow(action)}),
            "Policy": resource("IAM::Policy", {**named, "PolicyDocument": allow(action)}),
            "Profile": resource("IAM::InstanceProfile", {"Roles": [{"Ref": "Role"}]}),
        }

    stack.create(resources(words="first", action="s3:Get*", managed=[aws_policy]))
    before = stack.ids()
    managed = {"Ref": "Managed"}
    stack.update(resources(words="second", action="s3:Put*", managed=[managed]))
    iam, ids = aws.client("iam"), stack.ids()

    assert ids == before
    name = {"RoleName": ids["Role"]}
    role = iam.get_role(**name)["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/nextflow/{ids['Role']}"
    assert role["Description"] == "second"
    assert role["Tags"] == TAGS
    attached = iam.list_attached_role_policies(**name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [ids["Managed"]]
    assert sorted(iam.list_role_policies(**name)["PolicyNames"]) == ["attached", "inline"]
    for policy in ("attached", "inline"):
        document = iam.get_role_policy(**name, PolicyName=policy)["PolicyDocument"]
        assert document["Statement"][0]["Action"] == "s3:Put*"
    arn = {"PolicyArn": ids["Managed"]}
    version = iam.get_policy(**arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(**arn, VersionId=version)["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "s3:Put*"
    profile = iam.get_instance_profile(InstanceProfileName=ids["Profile"])["InstanceProfile"]
    assert profile["Roles"][0]["RoleName"] == ids["Role"]


def test_a_managed_policy_is_attached_to_the_roles_that_it_names(
    aws: LocalAws, stack: Stack
) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-managedpolicy.html
    """
    role = resource("IAM::Role", {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com")})

    def resources(*roles: str) -> dict[str, Any]:
        named = {"PolicyDocument": allow("s3:Get*"), "Roles": [{"Ref": name} for name in roles]}
        return {"One": role, "Two": role, "Managed": resource("IAM::ManagedPolicy", named)}

    def holders() -> set[str]:
        found = aws.client("iam").list_entities_for_policy(PolicyArn=stack.ids()["Managed"])
        return {entry["RoleName"] for entry in found["PolicyRoles"]}

    stack.create(resources("One"))
    assert holders() == {stack.ids()["One"]}
    stack.update(resources("Two"))
    assert holders() == {stack.ids()["Two"]}
    stack.update({"One": role, "Two": role})


def test_a_managed_policy_can_change_more_often_than_it_can_keep_versions(stack: Stack) -> None:
    """IAM keeps five versions.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
    """
    for number in range(7):
        policy = resource("IAM::ManagedPolicy", {"PolicyDocument": allow(f"s3:Get{number}")})
        status = (stack.update if number else stack.create)({"Policy": policy})

        assert status.endswith("_COMPLETE")
        assert "ROLLBACK" not in status


def test_a_key_rotates_and_changes_in_place(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-kms-key.html."""
    key = {
        "KeyPolicy": allow("kms:*"),
        "Description": "data",
        "EnableKeyRotation": "true",
        "Tags": TAGS,
    }
    stack.create({"Key": resource("KMS::Key", key)})
    stack.update({"Key": resource("KMS::Key", key | {"Description": "other"})})
    kms, found = aws.client("kms"), {"KeyId": stack.ids()["Key"]}

    assert kms.get_key_rotation_status(**found)["KeyRotationEnabled"] is True
    assert kms.describe_key(**found)["KeyMetadata"]["Description"] == "other"
    assert kms.list_resource_tags(**found)["Tags"] == [{"TagKey": "team", "TagValue": "blue"}]


def test_a_repository_has_its_policies(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecr-repository.html."""
    rules = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 3}, "action": {"type": "expire"}}]}  # fmt: skip
    repository = {
        "RepositoryName": "head",
        "ImageTagMutability": "IMMUTABLE",
        "LifecyclePolicy": {"LifecyclePolicyText": json.dumps(rules)},
        "RepositoryPolicyText": allow("ecr:*"),
    }
    outputs = {"Uri": {"Value": {"Fn::GetAtt": ["Repository", "RepositoryUri"]}}}
    stack.create({"Repository": resource("ECR::Repository", repository)}, Outputs=outputs)
    ecr = aws.client("ecr")

    found = one(ecr.describe_repositories(repositoryNames=["head"])["repositories"])
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["repositoryUri"] == stack.outputs["Uri"]
    assert (
        json.loads(ecr.get_lifecycle_policy(repositoryName="head")["lifecyclePolicyText"]) == rules
    )
    assert "ecr:*" in ecr.get_repository_policy(repositoryName="head")["policyText"]


def test_a_log_group_has_its_retention_and_tags(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-logs-loggroup.html."""
    group = {"LogGroupName": "/nextflow", "RetentionInDays": "30", "Tags": TAGS}
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Log", "Arn"]}}}
    stack.create({"Log": resource("Logs::LogGroup", group)}, Outputs=outputs)
    logs = aws.client("logs")

    found = one(logs.describe_log_groups(logGroupNamePrefix="/nextflow")["logGroups"])
    assert found["retentionInDays"] == 30
    assert stack.outputs["Arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/nextflow:*"
    assert logs.list_tags_log_group(logGroupName="/nextflow")["tags"] == {"team": "blue"}


def test_a_log_group_gets_and_loses_its_key_in_place(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html."""

    def log(**properties: Any) -> dict[str, Any]:
        return {"Log": resource("Logs::LogGroup", {"LogGroupName": "/keyed", **properties})}

    def key() -> str | None:
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix="/keyed")["logGroups"]
        return one(groups).get("kmsKeyId")

    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stack.create(log())
    assert stack.update(log(KmsKeyId=arn)) == "UPDATE_COMPLETE"
    assert key() == arn
    assert stack.update(log()) == "UPDATE_COMPLETE"

    assert key() is None


def test_an_address_serves_one_nat_gateway_and_a_subnet_stays_while_one_is_in_it(
    aws: LocalAws,
) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    placed = {"SubnetId": subnet, "AllocationId": address}
    nat = ec2.create_nat_gateway(**placed)["NatGateway"]["NatGatewayId"]
    with pytest.raises(ClientError, match="is already associated"):
        ec2.create_nat_gateway(**placed)
    with pytest.raises(ClientError, match="has dependencies and cannot be deleted"):
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_nat_gateway(NatGatewayId=nat)

    other = ec2.create_nat_gateway(**placed)["NatGateway"]["NatGatewayId"]
    ec2.delete_nat_gateway(NatGatewayId=other)
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_a_topic_has_its_policy_and_subscription(aws: LocalAws, stack: Stack) -> None:
    """As AWS documents it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-topic.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-topicpolicy.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-subscription.html
    """
    topic, arn = {"Tags": TAGS}, {"Ref": "Topic"}
    policy = {"Topics": [arn], "PolicyDocument": allow("sns:Publish")}
    subscription = {"TopicArn": arn, "Protocol": "email", "Endpoint": "lab@example.com"}
    stack.create(
        {
            "Topic": resource("SNS::Topic", topic),
            "Policy": resource("SNS::TopicPolicy", policy),
            "Subscription": resource("SNS::Subscription", subscription),
        }
    )
    sns, found = aws.client("sns"), {"TopicArn": stack.ids()["Topic"]}

    attributes = sns.get_topic_attributes(**found)["Attributes"]
    assert json.loads(attributes["Policy"])["Statement"][0]["Action"] == "sns:Publish"
    assert sns.list_tags_for_resource(ResourceArn=found["TopicArn"])["Tags"] == TAGS
    subscribed = one(sns.list_subscriptions_by_topic(**found)["Subscriptions"])
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("email", "lab@example.com")


def test_a_rule_has_its_pattern_and_the_targets_of_its_last_template(
    aws: LocalAws, stack: Stack
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-events-rule.html."""

    def rule(target: str) -> dict[str, Any]:
        return resource(
            "Events::Rule",
            {
                "EventPattern": {"source": ["aws.batch"]},
                "State": "ENABLED",
                "Targets": [{"Id": target, "Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{target}"}],
            },
        )

    stack.create({"Rule": rule("first")})
    stack.update({"Rule": rule("second")})
    events, name = aws.client("events"), stack.ids()["Rule"]

    pattern = json.loads(events.describe_rule(Name=name)["EventPattern"])
    assert pattern == {"source": ["aws.batch"]}
    assert [one(events.list_targets_by_rule(Rule=name)["Targets"])["Id"]] == ["second"]


def test_an_alarm_watches_its_metric(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html."""
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": "1",
        "MetricName": "failures",
        "Namespace": "nextflow",
        "Period": 300,
        "Statistic": "Sum",
        "Threshold": 0,
    }
    stack.create({"Alarm": resource("CloudWatch::Alarm", alarm)})
    ids = stack.ids()

    alarms = aws.client("cloudwatch").describe_alarms(AlarmNames=[ids["Alarm"]])["MetricAlarms"]
    assert (one(alarms)["MetricName"], one(alarms)["Period"]) == ("failures", 300)


def test_a_parameter_store_parameter_changes_in_place(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ssm-parameter.html."""
    ssm = aws.client("ssm")
    for action, value in ((stack.create, "one"), (stack.update, "two")):
        action({"Note": parameter(value, Name="/types/note", Description=value)})
        found = ssm.get_parameter(Name="/types/note")["Parameter"]

        assert (found["Type"], found["Value"]) == ("String", value)
    assert stack.ids()["Note"] == "/types/note"


def test_tags_that_a_launch_template_gets_later_are_shown(aws: LocalAws, stack: Stack) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html."""
    data = {"LaunchTemplateData": {"InstanceType": "m5.large"}}
    stack.create({"T": resource("EC2::LaunchTemplate", data)})
    ec2, ids = strict(aws.client("ec2")), [stack.ids()["T"]]
    for value in ("blue", "red"):
        ec2.create_tags(Resources=ids, Tags=[{"Key": "team", "Value": value}])
        found = one(ec2.describe_launch_templates(LaunchTemplateIds=ids)["LaunchTemplates"])

        assert found["Tags"] == [{"Key": "team", "Value": value}]


def test_a_lifecycle_rule_that_would_have_no_effect_is_refused(stack: Stack) -> None:
    """Ours: S3 has more kinds of rules."""
    rule = {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER"}]}
    bucket = {"LifecycleConfiguration": {"Rules": [rule]}}

    assert stack.create({"Bucket": resource("S3::Bucket", bucket)}) == "ROLLBACK_COMPLETE"
    assert "no lifecycle rule with Transitions" in stack.events("CREATE_FAILED")[0][2]
