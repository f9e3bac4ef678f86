"""`nfbatch doctor JOB`: each cause with its sentence, from answers in AWS's form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nfbatch.doctor.death_causes import DIED
from nfbatch.doctor.environment_causes import INVALID
from nfbatch.doctor.launch_causes import LAUNCH
from nfbatch.doctor.state_causes import STATES
from nfbatch.doctor.waiting_causes import WAITING
from nfbatch.error import Kind
from tests.support.recorded_aws import Answers, Denied, RecordedAws
from tests.support.recorded_deployment import (
    ACCOUNT,
    BATCH,
    CLUSTER,
    HEALTHY,
    JOB,
    ago,
    environment,
    instance,
    job,
    nfbatch,
    queue,
    routes,
)

OTHER = "1c4cb4c6-3b6c-4a51-9d13-0d2f0f3f2c22"
HOST = "i-0123456789abcdef0"


def answered(answers: Answers) -> dict[str, Any]:
    """What `nfbatch doctor JOB --json` says."""
    done = nfbatch(RecordedAws({**HEALTHY, **answers}), "doctor", "--json", JOB)
    assert done.status in (0, Kind.RUN_FAILED), done.err
    found: dict[str, Any] = json.loads(done.out)
    assert done.status == bool(found["finding"] and found["finding"]["problem"])
    return found


def finding(answers: Answers) -> dict[str, Any]:
    found: dict[str, Any] = answered(answers)["finding"]
    return found


def environments(*made: dict[str, Any]) -> Answers:
    return {"DescribeComputeEnvironments": {"computeEnvironments": list(made)}}


def activity(text: str, status: str = "Failed", minutes: float = 5) -> dict[str, Any]:
    return {
        "ActivityId": "a",
        "AutoScalingGroupName": "spot-ce-asg-1",
        "Cause": "-",
        "StartTime": datetime.fromtimestamp(ago(minutes) / 1000, UTC),
        "StatusCode": status,
        "StatusMessage": text,
    }


def launches(*activities: dict[str, Any]) -> Answers:
    return {"DescribeScalingActivities": {"Activities": list(activities)}}


def waits(reason: str | None = None, **changes: Any) -> Answers:
    said = {"statusReason": reason} if reason else {}
    return {"DescribeJobs": {"jobs": [job(**said, **changes)]}}


def needs(vcpus: str = "1", memory: str = "2048", gpus: str = "0") -> Answers:
    wanted = {"VCPU": vcpus, "MEMORY": memory, "GPU": gpus}
    entries = [{"type": kind, "value": value} for kind, value in wanted.items() if value != "0"]
    return waits(container={"resourceRequirements": entries})


def died(reason: str, status_reason: str = "Task failed to start", **changes: Any) -> Answers:
    made = job(status="FAILED", statusReason=status_reason, **changes, container={"reason": reason})
    return {"DescribeJobs": {"jobs": [made]}}


def front(of: str, minutes: float) -> Answers:
    first = {"jobArn": f"{BATCH}:job/{of}", "earliestTimeAtPosition": ago(minutes)}
    return {"GetJobQueueSnapshot": {"frontOfQueue": {"jobs": [first]}}}


WAITING_SENTENCES = {
    "no-capacity": "align waits because EC2 has no capacity for the instance types of spot-ce at"
    " the moment",
    "more-vcpus-than-environment": "align asks for 1 vCPUs, and the compute environments of default"
    " may have at most 256",
    "larger-than-instances": "align asks for 1 vCPUs, 2048 MiB and 0 GPUs, and no instance type of"
    " spot-ce has that much for one job",
    "instance-configuration-unsupported": "align waits because the zones of spot-ce do not have its"
    " instance types, or its launch template does not fit them",
    "service-role-permissions": "align waits because the service role of spot-ce lacks a"
    " permission",
    "environments-invalid": "align waits because all compute environments of default are INVALID",
    "undetermined": "align blocks default, and Batch does not know why",
}


@pytest.mark.parametrize("cause", WAITING, ids=lambda cause: cause.id)
def test_what_batch_says_of_a_waiting_job(cause: Any) -> None:
    found = finding(waits(cause.example))

    assert (found["id"], found["sentence"]) == (cause.id, WAITING_SENTENCES[cause.id])


INVALID_SENTENCES = {
    "service-role-not-assumable": "spot-ce is INVALID because Batch cannot assume its service role"
    " AWSServiceRoleForBatch: it does not exist, or does not trust batch.amazonaws.com",
    "service-role-lacks-permission": "spot-ce is INVALID because its service role"
    " AWSServiceRoleForBatch lacks ecs:DescribeClusters",
    "spot-fleet-role-invalid": "spot-ce is INVALID because its Spot Fleet role does not exist",
    "instance-profile-invalid": "spot-ce is INVALID because there is no instance profile"
    " ecsInstanceRole",
    "user-data-not-mime": "spot-ce is INVALID because the user data of its launch template is not"
    " MIME multipart",
    "cluster-deleted": "spot-ce is INVALID because its ECS cluster was deleted",
    "launch-template-missing": "spot-ce is INVALID because its launch template was deleted",
    "subnet-missing": "spot-ce is INVALID because a subnet of it was deleted",
    "environment-invalid": "spot-ce is INVALID: CLIENT_ERROR - something new",
}


@pytest.mark.parametrize("cause", INVALID, ids=lambda cause: cause.id)
def test_why_an_environment_is_invalid(cause: Any) -> None:
    made = environment(status="INVALID", statusReason=cause.example)
    said = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
    found = finding({**waits(said), **environments(made)})

    assert (found["id"], found["sentence"]) == (cause.id, INVALID_SENTENCES[cause.id])


LAUNCH_SENTENCES = {
    "on-demand-quota": "spot-ce cannot start instances: the account's quota of On-Demand vCPUs is"
    " used up",
    "spot-quota": "spot-ce cannot start instances: the account's quota of Spot vCPUs is used up",
    "spot-role-missing": "spot-ce cannot start instances: the account has no role"
    " AWSServiceRoleForEC2Spot",
    "volume-key": "instances of spot-ce end while they start: the key that encrypts their volumes"
    " does not allow AWSServiceRoleForAutoScaling to use it",
    "volume-quota": "instances of spot-ce end while they start: the account's quota of EBS storage"
    " is used up",
    "no-free-addresses": "spot-ce cannot start instances: its subnets have no free addresses",
    "no-spot-capacity": "spot-ce cannot start instances: EC2 has no Spot capacity for its types",
    "no-zone-capacity": "spot-ce cannot start instances: its zones have no capacity for its types",
    "spot-price-too-low": "spot-ce cannot start instances: Spot costs more than its bid_percentage"
    " allows",
    "type-not-in-zone": "spot-ce cannot start c7i.large: the zone us-west-2d does not have it",
    "configuration-unsupported": "spot-ce cannot start instances: its launch template or AMI does"
    " not fit its instance types",
    "security-group-missing": "spot-ce cannot start instances: the security group sg-1 was deleted",
    "key-pair-missing": "spot-ce cannot start instances: the key pair mine was deleted",
    "device-name-invalid": "spot-ce cannot start instances: its AMI does not allow the names of the"
    " volumes in the launch template",
    "image-missing": "spot-ce cannot start instances: its AMI was deleted or is no longer shared",
    "worker-refused": "workers of spot-ce end themselves while they start, because a check of their"
    " own fails",
}


@pytest.mark.parametrize("cause", LAUNCH, ids=lambda cause: cause.id)
def test_why_instances_do_not_start(cause: Any) -> None:
    found = finding(launches(activity(cause.example)))

    assert (found["id"], found["sentence"]) == (cause.id, LAUNCH_SENTENCES[cause.id])


DIED_SENTENCES = {
    "waited-too-long": "align was cancelled by its queue because it waited too long:"
    " MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "host-lost": f"align lost its host {HOST}",
    "out-of-memory": "align used more than its 2048 MiB of memory",
    "disk-full": "the worker of align had no space left on its disk",
    "image-rate-limit": "the registry of quay.io/lab/tool:9 limits how often images are pulled, and"
    " the limit was reached",
    "image-not-found": "the image quay.io/lab/tool:9 does not exist",
    "image-denied": "the image quay.io/lab/tool:9 does not exist, or the worker may not pull it",
    "image-other-architecture": "the image quay.io/lab/tool:9 is for another processor than the"
    " instances of default",
    "registry-unreachable": "the worker cannot reach the registry of quay.io/lab/tool:9",
    "image-not-pulled": "the image quay.io/lab/tool:9 could not be pulled: CannotPullContainerError:"
    " something new",
    "secret-unreadable": "the secret of align could not be read: it does not exist, or its policy or"
    " key does not allow it",
    "log-not-writable": "the worker cannot write the log of align: the log group lab-logs does not"
    " exist, or CloudWatch Logs cannot be reached",
    "program-not-in-image": "the image quay.io/lab/tool:9 has no program"
    " /usr/local/bin/_entrypoint.sh",
    "docker-too-slow": "Docker on the worker of align did not answer in time",
    "cgroup-not-created": "the worker could not create the control group of align",
    "container-not-started": "the container of align could not be started:"
    " CannotStartContainerError: something new",
    "time-limit": "align ran longer than its time limit of 3600 s",
    "arguments-too-long": "the arguments of align are longer than the 8192 characters that Batch"
    " accepts",
    "dependency-failed": "align did not run because a job that it depends on failed",
    "program-failed": "the program of align ended with status 3",
}
OF_JOB: dict[str, dict[str, Any]] = {  # Batch's own reason, not the container's
    "waited-too-long": {"isCancelled": True},
    "host-lost": {},
    "time-limit": {"timeout": {"attemptDurationSeconds": 3600}},
    "arguments-too-long": {},
    "dependency-failed": {},
    "program-failed": {"container": {"exitCode": 3}},
}


@pytest.mark.parametrize("cause", DIED, ids=lambda cause: cause.id)
def test_why_a_job_failed(cause: Any) -> None:
    if cause.id in OF_JOB:
        made = job(status="FAILED", statusReason=cause.example, **OF_JOB[cause.id])
        found = finding({"DescribeJobs": {"jobs": [made]}})
    else:
        found = finding(died(cause.example))

    assert (found["id"], found["sentence"]) == (cause.id, DIED_SENTENCES[cause.id])


def joined(**changes: Any) -> Answers:
    arn = f"arn:aws:ecs:us-west-2:{ACCOUNT}:container-instance/c/1"
    made = {
        "containerInstanceArn": arn,
        "ec2InstanceId": HOST,
        "status": "ACTIVE",
        "agentConnected": True,
        **changes,
    }
    return {
        "DescribeInstances": instance(),
        "ListContainerInstances": {"containerInstanceArns": [arn]},
        "DescribeContainerInstances": {"containerInstances": [made]},
    }


def head(**changes: Any) -> Answers:
    made = job(jobDefinition=f"{BATCH}:job-definition/nextflow:2", status="FAILED", **changes)
    return {"DescribeJobs": {"jobs": [made]}}


NO_ROUTE = routes({"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"})
BY_STATE: dict[str, tuple[Answers, str]] = {
    "queue-disabled": (
        {"DescribeJobQueues": {"jobQueues": [queue(state="DISABLED")]}},
        "align waits because the queue default is disabled",
    ),
    "queue-invalid": (
        {"DescribeJobQueues": {"jobQueues": [queue(status="INVALID", statusReason="gone")]}},
        "align waits because the queue default is INVALID: gone",
    ),
    "environments-disabled": (
        environments(environment(state="DISABLED")),
        "align waits because all compute environments of default are disabled",
    ),
    "maximum-is-zero": (
        environments(environment(resources={"maxvCpus": 0})),
        "align waits because the compute environments of default may have 0 vCPUs",
    ),
    "no-gpu": (
        needs(gpus="1"),
        "align asks for 1 GPUs, and no instance type of spot-ce has any",
    ),
    "depends-on-others": (
        waits(status="PENDING", dependsOn=[{"jobId": OTHER}]),
        "align waits for 1 jobs that it depends on to succeed",
    ),
    "behind-another": (
        front(OTHER, minutes=60),
        f"align waits behind {OTHER}, which is first in default",
    ),
    "environment-full": (
        environments(environment(resources={"desiredvCpus": 256})),
        "align waits for its turn: spot-ce may have 256 vCPUs, and others use them",
    ),
    "spot-not-offered": (
        {"DescribeSpotPriceHistory": {"SpotPriceHistory": []}},
        "spot-ce cannot start instances: its zones us-west-2a do not offer its types as Spot"
        " instances",
    ),
    "worker-not-joined": (
        {"DescribeInstances": instance()},
        f"{HOST} runs since 15 minutes, and has not joined the ECS cluster of spot-ce",
    ),
    "no-way-out": (
        {"DescribeInstances": instance(), "DescribeRouteTables": NO_ROUTE},
        "workers of spot-ce cannot reach ECS: subnet-1 has no way out and no endpoint for ecs,"
        " ecs-agent, ecs-telemetry, ecr.api, ecr.dkr, logs, ec2, s3",
    ),
    "agent-disconnected": (
        joined(agentConnected=False),
        f"the ECS agent of {HOST}, the only worker of spot-ce, is disconnected",
    ),
    "worker-draining": (
        joined(status="DRAINING"),
        "the only workers of spot-ce are DRAINING: they take no new jobs",
    ),
    "worker-starting": (
        {
            "DescribeInstances": instance(
                LaunchTime=datetime.fromtimestamp(ago(3.5) / 1000, UTC), State={"Name": "pending"}
            )
        },
        f"align waits for {HOST}, which started 3 minutes ago",
    ),
    "just-submitted": (
        waits(createdAt=ago(2.5)),
        "align is RUNNABLE since 2 minutes; Batch starts instances for it",
    ),
    "pull-is-slow": (
        waits(status="STARTING"),
        "align is STARTING since 30 minutes: its worker pulls quay.io/lab/tool:9",
    ),
    "run-failed": (
        head(
            statusReason="Essential container in task exited",
            tags={"nextflow-outcome": "BAD_INPUT", "nextflow-reason": "x.nf does not exist"},
        ),
        "align ended as BAD_INPUT: x.nf does not exist",
    ),
    "cancelled": (
        waits("enough", status="FAILED", isTerminated=True),
        "align was cancelled: enough",
    ),
    "unknown": ({}, "align is RUNNABLE, and nothing that was checked says why"),
}


@pytest.mark.parametrize("name", BY_STATE)
def test_what_follows_from_a_state(name: str) -> None:
    answers, sentence = BY_STATE[name]
    found = finding(answers)

    assert (found["id"], found["sentence"]) == (name, sentence)


def test_every_cause_has_a_sentence_here() -> None:
    for causes, sentences in (
        (WAITING, WAITING_SENTENCES),
        (INVALID, INVALID_SENTENCES),
        (LAUNCH, LAUNCH_SENTENCES),
        (DIED, DIED_SENTENCES),
        (STATES, BY_STATE),
    ):
        assert [cause.id for cause in causes] == list(sentences)


@pytest.mark.parametrize(("answers", "name"), [
    (needs(vcpus="300"), "more-vcpus-than-environment"),
    (needs(vcpus="8"), "larger-than-instances"),
    # An instance with 16,384 MiB has less for jobs.
    (needs(memory="16384"), "larger-than-instances"),
    (needs(memory="15900"), "unknown"),
])  # fmt: skip
def test_a_demand_is_compared_before_batch_says_anything(answers: Answers, name: str) -> None:
    assert finding(answers)["id"] == name


def test_failed_launches_count_until_one_succeeded() -> None:
    failed = activity("Max spot instance count exceeded", minutes=20)
    succeeded = activity("", "Successful", minutes=10)
    elsewhere = {**failed, "AutoScalingGroupName": "another"}
    long_ago = activity("Max spot instance count exceeded", minutes=90)

    assert finding(launches(succeeded, failed))["id"] == "unknown"
    assert finding(launches(failed, succeeded))["id"] == "spot-quota"
    assert finding(launches(elsewhere, long_ago))["id"] == "unknown"


def test_a_launch_says_more_than_no_capacity() -> None:
    said = WAITING[0].example
    answers = {**waits(said), **launches(activity("Max spot instance count exceeded"))}

    assert finding(answers)["id"] == "spot-quota"


def test_spot_requests_and_ended_instances_are_sources_too() -> None:
    request = {"Status": {"Code": "price-too-low", "Message": "-"}}
    ended = instance(
        State={"Name": "terminated"},
        StateReason={"Code": "Client.InternalError", "Message": "Client error on launch"},
    )

    assert finding({"DescribeSpotInstanceRequests": {"SpotInstanceRequests": [request]}})["id"] == (
        "spot-price-too-low"
    )
    assert finding({"DescribeInstances": ended})["id"] == "volume-key"


def test_the_spot_request_says_why_a_host_was_lost() -> None:
    code = "instance-terminated-no-capacity"
    answers = {
        "DescribeJobs": {"jobs": [job(status="FAILED", statusReason=DIED[1].example)]},
        "DescribeSpotInstanceRequests": {"SpotInstanceRequests": [{"Status": {"Code": code}}]},
    }

    assert finding(answers)["sentence"] == f"align lost its host {HOST}, a Spot instance ({code})"


def test_a_job_behind_one_that_moves_is_no_problem() -> None:
    assert not finding(front(OTHER, minutes=1))["problem"]
    assert finding(front(JOB, minutes=60))["id"] == "unknown"


def test_a_remedy_is_a_command_with_the_names_filled_in() -> None:
    done = nfbatch(RecordedAws({**HEALTHY, **BY_STATE["queue-disabled"][0]}), "doctor", JOB)

    assert done.out.splitlines() == [
        "PROBLEM queue-disabled: align waits because the queue default is disabled",
        "        what to do: aws batch update-job-queue --job-queue default --state ENABLED",
        "        https://docs.aws.amazon.com/batch/latest/userguide/job_queues.html",
    ]
    assert done.status == Kind.RUN_FAILED


def test_a_source_that_may_not_be_asked_is_named_and_the_rest_answers() -> None:
    said = answered(
        {
            "DescribeScalingActivities": Denied(),
            "DescribeInstanceTypes": Denied("ec2:DescribeInstanceTypes"),
            **joined(agentConnected=False),
        }
    )

    assert said["finding"]["id"] == "agent-disconnected"
    assert said["not_checked"] == [
        {"what": "instance types", "why": "needs ec2:DescribeInstanceTypes"},
        {"what": "launches of instances", "why": "needs autoscaling:DescribeScalingActivities"},
    ]


def test_nothing_is_wrong_with_a_job_that_runs() -> None:
    aws = RecordedAws({**HEALTHY, **waits(status="RUNNING")})

    assert nfbatch(aws, "doctor", JOB).out == "align is RUNNING: nothing is wrong with it\n"


def test_a_job_that_batch_does_not_know_is_one_line() -> None:
    done = nfbatch(RecordedAws({**HEALTHY, "DescribeJobs": {"jobs": []}}), "doctor", JOB)

    assert (done.status, done.err.count("\n")) == (Kind.NOT_FOUND, 1)


def test_a_cluster_is_asked_by_its_name() -> None:
    asked: list[Any] = []

    def listed(parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return {}

    aws = RecordedAws({**HEALTHY, **joined(), "ListContainerInstances": listed})
    nfbatch(aws, "doctor", JOB)

    assert [each["cluster"] for each in asked] == [CLUSTER]
