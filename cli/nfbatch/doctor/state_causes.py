"""Causes that follow from the state of a queue, an environment or a worker."""

from __future__ import annotations

from nfbatch.doctor.cause import Cause

_GUIDE = "https://docs.aws.amazon.com/batch/latest/userguide"
_STUCK = f"{_GUIDE}/job_stuck_in_runnable.html"
_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"

QUEUE_DISABLED = Cause(
    id="queue-disabled",
    sentence="{job} waits because the queue {queue} is disabled",
    remedy="aws batch update-job-queue --job-queue {queue} --state ENABLED",
    link=f"{_GUIDE}/job_queues.html",
)
QUEUE_INVALID = Cause(
    id="queue-invalid",
    sentence="{job} waits because the queue {queue} is {status}: {text}",
    remedy="deploy again",
    link=f"{_GUIDE}/job_queues.html",
)
ENVIRONMENTS_DISABLED = Cause(
    id="environments-disabled",
    sentence="{job} waits because all compute environments of {queue} are disabled",
    remedy="aws batch update-compute-environment --compute-environment {environment} --state"
    " ENABLED",
    link=f"{_GUIDE}/compute_environments.html",
)
MAXIMUM_IS_ZERO = Cause(
    id="maximum-is-zero",
    sentence="{job} waits because the compute environments of {queue} may have 0 vCPUs",
    remedy="raise max_vcpus in the settings and deploy again",
    link=f"{_GUIDE}/compute_environment_parameters.html",
)
NO_GPU = Cause(
    id="no-gpu",
    sentence="{job} asks for {gpus} GPUs, and no instance type of {environments} has any",
    remedy="submit it to a queue with GPUs: docs/settings.md explains them",
    link=_STUCK,
)
DEPENDS_ON_OTHERS = Cause(
    id="depends-on-others",
    sentence="{job} waits for {count} jobs that it depends on to succeed",
    remedy="wait; nfbatch doctor {dependency} says what holds up the first of them",
    link=f"{_GUIDE}/job_dependencies.html",
    is_problem=False,
)
BEHIND_ANOTHER = Cause(
    id="behind-another",
    sentence="{job} waits behind {front}, which is first in {queue}",
    remedy="nfbatch doctor {front}, which says why that one does not start",
    link=f"{_GUIDE}/job_scheduling.html",
)
ENVIRONMENT_FULL = Cause(
    id="environment-full",
    sentence="{job} waits for its turn: {environments} may have {max_vcpus} vCPUs, and others use"
    " them",
    remedy="wait, or raise max_vcpus in the settings and deploy again",
    link=f"{_GUIDE}/job_scheduling.html",
    is_problem=False,
)
SPOT_NOT_OFFERED = Cause(
    id="spot-not-offered",
    sentence="{environment} cannot start instances: its zones {zones} do not offer its types as"
    " Spot instances",
    remedy="add families to instance_types in the settings, or use an On-Demand environment",
    link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html",
)
WORKER_NOT_JOINED = Cause(
    id="worker-not-joined",
    sentence="{instance} runs since {minutes} minutes, and has not joined the ECS cluster of"
    " {environment}",
    remedy="aws ec2 get-console-output --latest --instance-id {instance}",
    link="https://repost.aws/knowledge-center/batch-job-stuck-runnable-status",
)
NO_WAY_OUT = Cause(
    id="no-way-out",
    sentence="workers of {environment} cannot reach ECS: {text}",
    remedy="give the subnet a NAT gateway or the endpoints that docs/network.md lists",
    link=f"{_ECS}/vpc-endpoints.html",
)
AGENT_DISCONNECTED = Cause(
    id="agent-disconnected",
    sentence="the ECS agent of {instance}, the only worker of {environment}, is disconnected",
    remedy="aws ec2 terminate-instances --instance-ids {instance}; Batch starts another one",
    link="https://repost.aws/knowledge-center/ecs-agent-disconnected-linux2-ami",
)
WORKER_DRAINING = Cause(
    id="worker-draining",
    sentence="the only workers of {environment} are DRAINING: they take no new jobs",
    remedy="wait: they end with their jobs, and Batch starts others",
    link=f"{_ECS}/container-instance-draining.html",
    is_problem=False,
)
WORKER_STARTING = Cause(
    id="worker-starting",
    sentence="{job} waits for {instance}, which started {minutes} minutes ago",
    remedy="wait: a worker needs a few minutes",
    link=_STUCK,
    is_problem=False,
)
JUST_SUBMITTED = Cause(
    id="just-submitted",
    sentence="{job} is RUNNABLE since {minutes} minutes; Batch starts instances for it",
    remedy="wait: a worker needs a few minutes",
    link=_STUCK,
    is_problem=False,
)
PULL_IS_SLOW = Cause(
    id="pull-is-slow",
    sentence="{job} is STARTING since {minutes} minutes: its worker pulls {image}",
    remedy="wait; if it does not start, nfbatch doctor checks the way to the registry",
    link=f"{_ECS}/task_cannot_pull_image.html",
    is_problem=False,
)
HEAD_FAILED = Cause(
    id="run-failed",
    sentence="{job} ended as {state}: {text}",
    remedy="nfbatch logs {job}",
    link="https://www.nextflow.io/docs/latest/reports.html",
)
CANCELLED = Cause(
    id="cancelled",
    sentence="{job} was cancelled: {text}",
    remedy="nfbatch resume {job}, if it is a run",
    link=f"{_GUIDE}/jobs.html",
    is_problem=False,
)
UNKNOWN = Cause(
    id="unknown",
    sentence="{job} is {status}, and nothing that was checked says why",
    remedy="nfbatch doctor, which checks the deployment; then"
    " https://repost.aws/knowledge-center/batch-job-stuck-runnable-status",
    link="https://repost.aws/knowledge-center/batch-job-stuck-runnable-status",
)

STATES = (
    QUEUE_DISABLED,
    QUEUE_INVALID,
    ENVIRONMENTS_DISABLED,
    MAXIMUM_IS_ZERO,
    NO_GPU,
    DEPENDS_ON_OTHERS,
    BEHIND_ANOTHER,
    ENVIRONMENT_FULL,
    SPOT_NOT_OFFERED,
    WORKER_NOT_JOINED,
    NO_WAY_OUT,
    AGENT_DISCONNECTED,
    WORKER_DRAINING,
    WORKER_STARTING,
    JUST_SUBMITTED,
    PULL_IS_SLOW,
    HEAD_FAILED,
    CANCELLED,
    UNKNOWN,
)
