"""Why instances do not start: scaling activities, Spot requests and instances' state reasons."""

from __future__ import annotations

from nfbatch.doctor.cause import Cause

_LAUNCH = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html"
_STATE = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html"
_SPOT = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html"
_ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
_QUOTA = (
    "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code}"
    " --desired-value N"
)

LAUNCH = (
    Cause(
        id="on-demand-quota",
        pattern=r"VcpuLimitExceeded|current vCPU limit of (?P<limit>\d+)",
        example="Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more"
        " vCPU capacity than your current vCPU limit of 16 allows for the instance bucket that the"
        " specified instance type belongs to.",
        sentence="{environment} cannot start instances: the account's quota of On-Demand vCPUs is"
        " used up",
        remedy=_QUOTA.format(code="L-1216C47A"),
        link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html",
        source=_ERRORS,
    ),
    Cause(
        id="spot-quota",
        pattern=r"MaxSpotInstanceCountExceeded|Max spot instance count exceeded",
        example="MaxSpotInstanceCountExceeded: Max spot instance count exceeded",
        sentence="{environment} cannot start instances: the account's quota of Spot vCPUs is used"
        " up",
        remedy=_QUOTA.format(code="L-34B43A08"),
        link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html",
        source=_ERRORS,
    ),
    Cause(
        id="spot-role-missing",
        pattern=r"ServiceLinkedRoleCreationNotPermitted|service-linked role for EC2 Spot",
        example="AuthFailure.ServiceLinkedRoleCreationNotPermitted - The provided credentials do"
        " not have permission to create the service-linked role for EC2 Spot Instances.",
        sentence="{environment} cannot start instances: the account has no role"
        " AWSServiceRoleForEC2Spot",
        remedy="aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
        link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html",
        source="https://github.com/runs-on/runs-on/issues/233",
    ),
    Cause(
        id="volume-key",
        pattern=r"Client\.InternalError|Client error on launch",
        example="Client.InternalError: Client error on launch.",
        sentence="instances of {environment} end while they start: the key that encrypts their"
        " volumes does not allow AWSServiceRoleForAutoScaling to use it",
        remedy="allow it in the key's policy: docs/customer-key.md has the statements",
        link="https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html",
        source=_LAUNCH,
    ),
    Cause(
        id="volume-quota",
        pattern=r"VolumeLimitExceeded",
        example="Client.VolumeLimitExceeded: Volume limit exceeded",
        sentence="instances of {environment} end while they start: the account's quota of EBS"
        " storage is used up",
        remedy="aws service-quotas request-service-quota-increase --service-code ebs --quota-code"
        " L-7A658B76 --desired-value N; `nfbatch leftovers` shows volumes that nobody uses",
        link="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html",
        source=_STATE,
    ),
    Cause(
        id="no-free-addresses",
        pattern=r"InsufficientFreeAddressesInSubnet|not enough free addresses in subnet",
        example="InsufficientFreeAddressesInSubnet - There are not enough free addresses in subnet"
        " 'subnet-1' to satisfy the requested number of instances.",
        sentence="{environment} cannot start instances: its subnets have no free addresses",
        remedy="add larger subnets to network.existing in the settings, or end other instances",
        link=_ERRORS,
        source=_ERRORS,
    ),
    Cause(
        id="no-spot-capacity",
        pattern=r"no Spot capacity available|capacity-not-available|UnfulfillableCapacity",
        example="There is no Spot capacity available that matches your request. Launching EC2"
        " instance failed.",
        sentence="{environment} cannot start instances: EC2 has no Spot capacity for its types",
        remedy="wait, use a queue with an On-Demand environment, or add families to instance_types",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="no-zone-capacity",
        pattern=r"do not have sufficient (?P<type>[\w.-]+) capacity|InsufficientInstanceCapacity",
        example="We currently do not have sufficient m6i.large capacity in the Availability Zone"
        " you requested (us-west-2a).",
        sentence="{environment} cannot start instances: its zones have no capacity for its types",
        remedy="wait, or add families to instance_types in the settings and deploy again",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="spot-price-too-low",
        pattern=r"Spot request price of (?P<price>[\d.]+)|price-too-low|SpotMaxPriceTooLow",
        example="Your Spot request price of 0.015 is lower than the minimum required Spot request"
        " fulfillment price of 0.0735.",
        sentence="{environment} cannot start instances: Spot costs more than its bid_percentage"
        " allows",
        remedy="remove bid_percentage from the settings and deploy again",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="type-not-in-zone",
        pattern=r"instance type \((?P<type>[\w.-]+)\) is not supported in your requested"
        r" Availability Zone(?: \((?P<zone>[\w-]+)\))?",
        example="Your requested instance type (c7i.large) is not supported in your requested"
        " Availability Zone (us-west-2d).",
        sentence="{environment} cannot start {type}: the zone {zone} does not have it",
        remedy="use other zones or other instance_types in the settings, and deploy again",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="configuration-unsupported",
        pattern=r"requested configuration is currently not supported",
        example="The requested configuration is currently not supported.",
        sentence="{environment} cannot start instances: its launch template or AMI does not fit its"
        " instance types",
        remedy="compare instance_types, image_type and image_id in the settings",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="security-group-missing",
        pattern=r"security group '?(?P<group>[\w-]+)'? does not exist|InvalidGroup\.NotFound",
        example="The security group sg-1 does not exist. Launching EC2 instance failed.",
        sentence="{environment} cannot start instances: the security group {group} was deleted",
        remedy="deploy again",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="key-pair-missing",
        pattern=r"key pair '?(?P<pair>[^']+?)'? does not exist|InvalidKeyPair\.NotFound",
        example="The key pair mine does not exist. Launching EC2 instance failed.",
        sentence="{environment} cannot start instances: the key pair {pair} was deleted",
        remedy="aws ec2 create-key-pair --key-name {pair}, or deploy again",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="device-name-invalid",
        pattern=r"Invalid device name",
        example="Invalid device name upload. Launching EC2 instance failed.",
        sentence="{environment} cannot start instances: its AMI does not allow the names of the"
        " volumes in the launch template",
        remedy="use an ECS-optimized AMI of Amazon Linux 2023 as image_id, or none",
        link=_LAUNCH,
        source=_LAUNCH,
    ),
    Cause(
        id="image-missing",
        pattern=r"AMI ID '?(?P<ami>ami-\w+)'? does not exist|image id '\[?(?P<image>ami-\w+)\]?'"
        r" does not exist|InvalidAMIID\.NotFound",
        example="The AMI ID ami-1 does not exist. Launching EC2 instance failed.",
        sentence="{environment} cannot start instances: its AMI was deleted or is no longer shared",
        remedy="change image_id in the settings and deploy again",
        link="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-ami.html",
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-ami.html",
    ),
    Cause(
        id="worker-refused",
        pattern=r"Client\.InstanceInitiatedShutdown",
        example="Client.InstanceInitiatedShutdown: Instance initiated shutdown",
        sentence="workers of {environment} end themselves while they start, because a check of"
        " their own fails",
        remedy="aws logs get-log-events --log-group-name {log_group} --log-stream-name"
        " worker/{instance}",
        link=_STATE,
        source=_STATE,
    ),
)
