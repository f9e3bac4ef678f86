"""Why Batch itself says that a job waits: the job's `statusReason` while it is RUNNABLE."""

from __future__ import annotations

from nfbatch.doctor.cause import Cause

_STUCK = "https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable"
_CAPACITY = f"{_STUCK}_capacity.html"
_MISCONFIGURATION = f"{_STUCK}_misconfiguration.html"
_GENERAL = f"{_STUCK}.html"

WAITING = (
    Cause(
        id="no-capacity",
        pattern=r"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY(?:.*instance type \[?(?P<type>[\w.-]+))?",
        example="CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity"
        " requested for instance type [m6i.large]",
        sentence="{job} waits because EC2 has no capacity for the instance types of {environments}"
        " at the moment",
        remedy="wait, or add families to instance_types in the settings and deploy again",
        link=_CAPACITY,
        source=_CAPACITY,
    ),
    Cause(
        id="more-vcpus-than-environment",
        pattern=r"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        example="MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job"
        " queue cannot meet the CPU requirement of the job.",
        sentence="{job} asks for {vcpus} vCPUs, and the compute environments of {queue} may have at"
        " most {max_vcpus}",
        remedy="aws batch terminate-job --job-id {id} --reason 'too large'; then ask for fewer"
        " vCPUs, or raise max_vcpus in the settings",
        link=_MISCONFIGURATION,
        source=_MISCONFIGURATION,
    ),
    Cause(
        id="larger-than-instances",
        pattern=r"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        example="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement"
        " (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue.",
        sentence="{job} asks for {vcpus} vCPUs, {memory} MiB and {gpus} GPUs, and no instance type"
        " of {environments} has that much for one job",
        remedy="aws batch terminate-job --job-id {id} --reason 'too large'; then ask for less, or"
        " add larger instance_types in the settings",
        link=_MISCONFIGURATION,
        source=_MISCONFIGURATION,
    ),
    Cause(
        id="instance-configuration-unsupported",
        pattern=r"MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
        example="MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - Your compute environment"
        " associated with this job queue has an unsupported instance type configuration.",
        sentence="{job} waits because the zones of {environments} do not have its instance types,"
        " or its launch template does not fit them",
        remedy="aws ec2 describe-instance-type-offerings --location-type availability-zone; then"
        " change instance_types in the settings and deploy again",
        link=_MISCONFIGURATION,
        source=_MISCONFIGURATION,
    ),
    Cause(
        id="service-role-permissions",
        pattern=r"MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        example="MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS \u2013 Batch service role has a"
        " permission issue.",
        sentence="{job} waits because the service role of {environments} lacks a permission",
        remedy="deploy with batch_service_role: service-linked in the settings",
        link=_MISCONFIGURATION,
        source=_MISCONFIGURATION,
    ),
    Cause(
        id="environments-invalid",
        pattern=r"ACTION_REQUIRED",
        example="ACTION_REQUIRED - CE(s) associated with the job queue are invalid.",
        sentence="{job} waits because all compute environments of {queue} are INVALID",
        remedy="nfbatch doctor, which says why",
        link="https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html",
        source=_GENERAL,
    ),
    Cause(
        id="undetermined",
        pattern=r"UNDETERMINED",
        example="UNDETERMINED - Batch job is blocked, root cause is undetermined.",
        sentence="{job} blocks {queue}, and Batch does not know why",
        remedy="nfbatch doctor, which checks the deployment",
        link=_GENERAL,
        source=_GENERAL,
    ),
)
