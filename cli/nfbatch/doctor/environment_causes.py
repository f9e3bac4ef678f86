"""Why a compute environment is INVALID: its `statusReason`."""

from __future__ import annotations

from nfbatch.doctor.cause import Cause

_INVALID = "https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html"
_ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
_REPAIR = "deploy again, which creates it anew if it was changed by hand"

INVALID = (
    Cause(
        id="service-role-not-assumable",
        pattern=r"Not authorized to perform sts:AssumeRole",
        example="CLIENT_ERROR - Not authorized to perform sts:AssumeRole (Service:"
        " AWSSecurityTokenService; Status Code: 403; Error Code: AccessDenied; Request ID: x)",
        sentence="{environment} is INVALID because Batch cannot assume its service role"
        " {service_role}: it does not exist, or does not trust batch.amazonaws.com",
        remedy="aws batch update-compute-environment --compute-environment {environment}"
        " --service-role arn:aws:iam::{account}:role/aws-service-role/batch.amazonaws.com/"
        "AWSServiceRoleForBatch",
        link=_INVALID,
        source=_INVALID,
    ),
    Cause(
        id="service-role-lacks-permission",
        pattern=r"is not authorized to perform: (?P<action>[\w:*]+)",
        example="CLIENT_ERROR - User: arn:aws:sts::123456789012:assumed-role/own/aws-batch is not"
        " authorized to perform: ecs:DescribeClusters on resource: arn:aws:ecs:x",
        sentence="{environment} is INVALID because its service role {service_role} lacks {action}",
        remedy="aws iam attach-role-policy --role-name {service_role} --policy-arn"
        " arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole",
        link=_INVALID,
        source=_INVALID,
    ),
    Cause(
        id="spot-fleet-role-invalid",
        pattern=r"SpotFleetRequestConfig\.IamFleetRole is invalid",
        example="CLIENT_ERROR - Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.",
        sentence="{environment} is INVALID because its Spot Fleet role does not exist",
        remedy=f"{_REPAIR}; environments of this deployment need no Spot Fleet role",
        link=_INVALID,
        source=_INVALID,
    ),
    Cause(
        id="instance-profile-invalid",
        pattern=r"Invalid IamInstanceProfile: ?(?P<profile>[\w+=,.@/:-]+)?",
        example="CLIENT_ERROR - Invalid IamInstanceProfile: ecsInstanceRole",
        sentence="{environment} is INVALID because there is no instance profile {profile}",
        remedy=_REPAIR,
        link=_INVALID,
        source="https://github.com/Netflix/metaflow-tools/issues/9",
    ),
    Cause(
        id="user-data-not-mime",
        pattern=r"UserData is not MIME multipart",
        example="CLIENT_ERROR - Launch Template UserData is not MIME multipart format",
        sentence="{environment} is INVALID because the user data of its launch template is not MIME"
        " multipart",
        remedy=_REPAIR,
        link="https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html",
        source="https://github.com/aws/aws-cdk/issues/6427",
    ),
    Cause(
        id="cluster-deleted",
        pattern=r"Clusters can not be blank|ClusterNotFoundException|cluster .*was deleted",
        example="CLIENT_ERROR - Clusters can not be blank.",
        sentence="{environment} is INVALID because its ECS cluster was deleted",
        remedy="delete the environment and deploy again; never delete a cluster that Batch made",
        link=_INVALID,
        source="https://github.com/aws-samples/aws-batch-genomics/issues/9",
    ),
    Cause(
        id="launch-template-missing",
        pattern=r"InvalidLaunchTemplate(?:Id|Name)\.NotFound|launch template.*does not exist",
        example="CLIENT_ERROR - The specified launch template, with template ID lt-1, does not"
        " exist. (Error Code: InvalidLaunchTemplateId.NotFound)",
        sentence="{environment} is INVALID because its launch template was deleted",
        remedy=_REPAIR,
        link=_ERRORS,
    ),
    Cause(
        id="subnet-missing",
        pattern=r"InvalidSubnetID\.NotFound|subnet ID '?(?P<subnet>subnet-\w+)'? does not exist",
        example="CLIENT_ERROR - The subnet ID 'subnet-1' does not exist (Error Code:"
        " InvalidSubnetID.NotFound)",
        sentence="{environment} is INVALID because a subnet of it was deleted",
        remedy="correct network.existing in the settings, or deploy again",
        link=_ERRORS,
    ),
    Cause(
        id="environment-invalid",
        pattern=r".",
        example="CLIENT_ERROR - something new",
        sentence="{environment} is INVALID: {text}",
        remedy=_REPAIR,
        link=_INVALID,
        source=_INVALID,
    ),
)
