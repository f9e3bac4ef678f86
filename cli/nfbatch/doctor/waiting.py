"""Why a job stays RUNNABLE."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nfbatch import output
from nfbatch import site as sites
from nfbatch.doctor import state_causes, workers
from nfbatch.doctor.cause import recognise
from nfbatch.doctor.environment_causes import INVALID
from nfbatch.doctor.instance_types import Largest
from nfbatch.doctor.waiting_causes import WAITING

if TYPE_CHECKING:
    from nfbatch.doctor.cause import Finding
    from nfbatch.doctor.question import Questions

#: What Batch says of a queue as a whole; a look at instances says more.
_GENERAL = ("no-capacity", "environments-invalid", "undetermined")


def why(questions: Questions, job: dict[str, Any], known: dict[str, Any]) -> Finding:
    """Why a job stays RUNNABLE.

    Args:
        questions: Asks AWS.
        job: The job, as DescribeJobs tells it.
        known: Values of the names in sentences.
    """
    site = questions.site
    queue = questions.ask("queues", "batch:DescribeJobQueues", lambda: site.queue(job["jobQueue"]))
    environments: list[dict[str, Any]] = []
    if queue:
        if found := _state_of_queue(queue, known):
            return found
        environments = (
            questions.ask(
                "compute environments",
                "batch:DescribeComputeEnvironments",
                lambda: site.environments_of(queue),
            )
            or []
        )
    if environments:
        known = {**known, **_words_of(environments)}
    said = recognise(WAITING, job.get("statusReason"), known)
    if said and said.id not in _GENERAL:
        return said
    found = _look(questions, job, environments, known) if environments else None
    if found or said:
        return found or said or state_causes.UNKNOWN.finding(known)
    is_new = int(known["minutes"]) < workers.BOOT_MINUTES
    return (state_causes.JUST_SUBMITTED if is_new else state_causes.UNKNOWN).finding(known)


def _look(
    questions: Questions,
    job: dict[str, Any],
    environments: list[dict[str, Any]],
    known: dict[str, Any],
) -> Finding | None:
    """The first obstacle, from the queue to the workers."""
    return (
        _states(environments, known)
        or _demand(questions, environments, known)
        or _place_in_queue(questions, job, known)
        or _full(environments, known)
        or workers.why(questions, environments, known)
    )


def _state_of_queue(queue: dict[str, Any], known: dict[str, Any]) -> Finding | None:
    if queue["state"] == "DISABLED":
        return state_causes.QUEUE_DISABLED.finding(known)
    if queue["status"] == "INVALID":
        words = {**known, "status": queue["status"], "text": queue.get("statusReason")}
        return state_causes.QUEUE_INVALID.finding(words)
    return None


def _words_of(environments: list[dict[str, Any]]) -> dict[str, Any]:
    names = [each["computeEnvironmentName"] for each in environments]
    return {
        "environment": names[0],
        "environments": " and ".join(names),
        "max_vcpus": max(int(sites.resources(each).get("maxvCpus", 0)) for each in environments),
    }


def _states(environments: list[dict[str, Any]], known: dict[str, Any]) -> Finding | None:
    if all(each["state"] == "DISABLED" for each in environments):
        return state_causes.ENVIRONMENTS_DISABLED.finding(known)
    if any(each["status"] != "INVALID" and each["state"] == "ENABLED" for each in environments):
        return None
    first = next(each for each in environments if each["status"] == "INVALID")
    return invalid(first, known)


def invalid(environment: dict[str, Any], known: dict[str, Any]) -> Finding:
    """Why an environment is INVALID.

    Args:
        environment: The environment.
        known: Further values of names.
    """
    words = {
        **known,
        "environment": environment["computeEnvironmentName"],
        "account": sites.account_of(environment["computeEnvironmentArn"]),
        "service_role": str(environment.get("serviceRole", "")).rpartition("/")[2] or "?",
    }
    text = environment.get("statusReason") or "Batch gives no reason"
    found = recognise(INVALID, text, words)
    assert found is not None  # noqa: S101 - the last pattern matches every text
    return found


def _demand(
    questions: Questions, environments: list[dict[str, Any]], known: dict[str, Any]
) -> Finding | None:
    causes = {cause.id: cause for cause in WAITING}
    if known["max_vcpus"] == 0:
        return state_causes.MAXIMUM_IS_ZERO.finding(known)
    if float(known["vcpus"]) > known["max_vcpus"]:
        return causes["more-vcpus-than-environment"].finding(known)
    largest = questions.ask(
        "instance types",
        "ec2:DescribeInstanceTypes",
        lambda: Largest.of(questions.site, environments),
    )
    if largest is None or not largest.types:
        return None
    if int(known["gpus"]) and not largest.gpus:
        return state_causes.NO_GPU.finding(known)
    if not largest.hold(float(known["vcpus"]), int(known["memory"]), int(known["gpus"])):
        return causes["larger-than-instances"].finding(known)
    return None


def _place_in_queue(
    questions: Questions, job: dict[str, Any], known: dict[str, Any]
) -> Finding | None:
    front = questions.ask(
        "the queue's order",
        "batch:GetJobQueueSnapshot",
        lambda: (
            questions.site.client("batch")
            .get_job_queue_snapshot(jobQueue=job["jobQueue"])
            .get("frontOfQueue", {})
            .get("jobs", [])
        ),
    )
    if not front:
        return None
    first = str(front[0]["jobArn"]).rpartition("/")[2]
    # A child of an array job is ID:INDEX.
    if first.partition(":")[0] == str(job["jobId"]).partition(":")[0]:
        return None
    since = int(front[0].get("earliestTimeAtPosition", output.now()))
    is_blocked = output.now() - since > workers.BOOT_MINUTES * 60_000
    found = state_causes.BEHIND_ANOTHER.finding({**known, "front": first})
    return replace(found, is_problem=is_blocked)


def _full(environments: list[dict[str, Any]], known: dict[str, Any]) -> Finding | None:
    usable = [each for each in environments if each["state"] == "ENABLED"]
    needed = float(known["vcpus"])
    if all(
        int(sites.resources(each).get("desiredvCpus", 0)) + needed
        > int(sites.resources(each).get("maxvCpus", 0))
        for each in usable
    ):
        return state_causes.ENVIRONMENT_FULL.finding(known)
    return None
