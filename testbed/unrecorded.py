"""Allowed actions that no program of ours or of a pipeline calls in the tests, with the reasons."""

from __future__ import annotations

_AGENT = (
    "the ECS agent (https://github.com/aws/amazon-ecs-agent), which no emulated worker has; the"
    " actions are those of AWS's policy AmazonEC2ContainerServiceforEC2Role"
)

_PULL = "the CDK's `grant_pull` has it; Docker asks which layers are there when it pushes"
_ABORT = "an upload in parts of which a part failed"
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_COPY_TAGS = "S3 asks for it when an object that has tags is copied, as publishing does"

#: By role and action.
REASONS: dict[tuple[str, str], str] = {
    **{
        ("WorkerRole", f"ecs:{name}"): _AGENT
        for name in (
            "DiscoverPollEndpoint",
            "Poll",
            "RegisterContainerInstance",
            "StartTelemetrySession",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
            "TagResource",
        )
    },
    ("WorkerRole", "s3:GetObject"): "`boot.sh` fetches the worker's programs, by curl",
    ("HeadContainerExecutionRole", "ecr:BatchCheckLayerAvailability"): _PULL,
    ("HeadRole", "s3:AbortMultipartUpload"): _ABORT,
    ("HeadRole", "s3:GetObjectTagging"): _COPY_TAGS,
    ("HeadTaskRole", "s3:AbortMultipartUpload"): _ABORT,
}

_SECRETS = "the ECS agent, when a head starts whose settings name a secret"
_KEY = "S3 and EC2, for what is under the customer managed key"
_SHELL = "the SSM agent, with Session Manager"
_IMAGES = "the ECS agent, for tasks whose images are in ECR"
_PULLS = (
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "BatchImportUpstreamImage",
    "CreateRepository",
    "GetAuthorizationToken",
    "GetDownloadUrlForLayer",
)
_CHANNELS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
#: By action: what only some settings allow, and no recorded run had.
OF_SETTINGS: dict[str, str] = {
    "kms:CreateGrant": _KEY,
    "kms:Decrypt": _KEY,
    "kms:DescribeKey": _KEY,
    "kms:GenerateDataKey": _KEY,
    "kms:GenerateDataKeyWithoutPlaintext": _KEY,
    "kms:ReEncryptFrom": _KEY,
    "kms:ReEncryptTo": _KEY,
    "ssm:UpdateInstanceInformation": _SHELL,
    **{f"ssmmessages:{name}": _SHELL for name in _CHANNELS},
    **{f"ecr:{name}": _IMAGES for name in _PULLS},
    "secretsmanager:DescribeSecret": _SECRETS,
    "secretsmanager:GetSecretValue": _SECRETS,
}
