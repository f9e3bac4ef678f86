"""What a worker may do with volumes: those of its own deployment only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from nextflow_batch.tags import DEPLOYMENT_TAG
from nextflow_batch.wildcards import justify

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import Construct

    from nextflow_batch.scratch import Scratch


class ScratchAccess(iam.ManagedPolicy):
    """Lets an instance grow its scratch disk.

    It may create volumes only encrypted, no larger than scratch may become, and with the
    deployment's tag, and attach, enlarge and delete only volumes that carry it; it may attach only
    to itself. The launch template's volumes carry the tag too, so that a worker whose attachments
    are used up can enlarge those. No condition key holds the size to which a volume is enlarged.
    The pattern is the EBS CSI driver's:
    https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/example-iam-policy.json
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        scratch: Scratch,
        key: kms.IKey | None = None,
    ) -> None:
        """Write the policy.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: The tag's value.
            scratch: How large volumes may be.
            key: The customer key of the volumes, if there is one.
        """
        stack = Stack.of(scope)
        volumes = stack.format_arn(service="ec2", resource="volume", resource_name="*")
        instances = stack.format_arn(service="ec2", resource="instance", resource_name="*")
        requested = {
            "StringEquals": {
                f"aws:RequestTag/{DEPLOYMENT_TAG}": deployment,
                "ec2:VolumeType": "gp3",
            },
            "NumericLessThanEquals": {"ec2:VolumeSize": str(scratch.largest_volume_gib)},
            "Bool": {"ec2:Encrypted": "true"},
        }
        tagged = {"StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": deployment}}
        # The key is the instance whose credentials sign the request, the variable the instance that
        # the request is about; EC2 fills the one for every instance profile, and lists the other
        # among the keys of the resource `instance` for each of these actions.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_ec2_volumes-instance.html
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
        asked_about = stack.format_arn(
            service="ec2", resource="instance", resource_name="${ec2:InstanceID}"
        )
        itself = {"ArnEquals": {"ec2:SourceInstanceARN": asked_about}}
        statements = [
            iam.PolicyStatement(
                sid="CreateTaggedVolumes",
                actions=["ec2:CreateVolume"],
                resources=[volumes],
                conditions=requested,
            ),
            iam.PolicyStatement(
                sid="TagVolumesAtCreation",
                actions=["ec2:CreateTags"],
                resources=[volumes],
                conditions={"StringEquals": {"ec2:CreateAction": "CreateVolume"}},
            ),
            iam.PolicyStatement(
                sid="UseOwnVolumes",
                actions=[
                    "ec2:AttachVolume",
                    "ec2:DeleteVolume",
                    "ec2:DetachVolume",
                    # Deletion on termination is an attribute of the instance and its volume.
                    "ec2:ModifyInstanceAttribute",
                    "ec2:ModifyVolume",
                ],
                resources=[volumes],
                conditions=tagged,
            ),
            iam.PolicyStatement(
                sid="AttachToItself",
                actions=[
                    "ec2:AttachVolume",
                    "ec2:DetachVolume",
                    "ec2:ModifyInstanceAttribute",
                ],
                resources=[instances],
                conditions=itself,
            ),
            iam.PolicyStatement(
                sid="SeeVolumes",
                # None can be limited to a resource.
                actions=[
                    # How many attachments its type has.
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeVolumes",
                    # Whether a volume that is being enlarged can be used.
                    "ec2:DescribeVolumesModifications",
                ],
                resources=["*"],
            ),
        ]
        if key:
            statements += _key_statements(key, f"ec2.{stack.region}.{stack.url_suffix}")
        super().__init__(
            scope,
            construct_id,
            description="Grow the scratch disk of a worker",
            statements=statements,
        )
        justify(
            self,
            {
                volumes: "volumes are made at need; the deployment's tag is the condition",
                instances: "limited to the calling instance by condition",
                "*": "EC2's describe calls cannot be limited to a resource",
            },
        )


def _key_statements(key: kms.IKey, ec2: str) -> list[iam.PolicyStatement]:
    # The instance itself never has plaintext: EC2 asks on its behalf.
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    through_ec2 = {"StringEquals": {"kms:ViaService": ec2}}
    # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    return [
        iam.PolicyStatement(
            sid="EncryptVolumes",
            actions=[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            resources=[key.key_arn],
            conditions=through_ec2,
        ),
        iam.PolicyStatement(
            sid="GrantKeyToVolumes",
            actions=["kms:CreateGrant"],
            resources=[key.key_arn],
            conditions={**through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
