"""One sentence about a job: why it does not start, or why it died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nfbatch import output
from nfbatch.doctor import state_causes, waiting
from nfbatch.doctor.cause import recognise
from nfbatch.doctor.death_causes import DIED
from nfbatch.run import Run

if TYPE_CHECKING:
    from nfbatch.doctor.cause import Finding
    from nfbatch.doctor.question import Questions


def diagnose(questions: Questions, job: dict[str, Any]) -> Finding | None:
    """What is to be said about a job.

    Args:
        questions: Asks AWS.
        job: The job, as DescribeJobs tells it.

    Returns:
        None if nothing is wrong: it runs, or has succeeded.
    """
    known = words(questions, job)
    status = job["status"]
    if status == "FAILED":
        return _died(questions, job, known)
    if status == "RUNNABLE":
        return waiting.why(questions, job, known)
    if status == "STARTING":
        return state_causes.PULL_IS_SLOW.finding(known)
    if status in ("SUBMITTED", "PENDING") and job.get("dependsOn"):
        others = job["dependsOn"]
        return state_causes.DEPENDS_ON_OTHERS.finding({**known, "count": len(others)})
    if status in ("SUBMITTED", "PENDING"):
        return state_causes.JUST_SUBMITTED.finding(known)
    return None


def words(questions: Questions, job: dict[str, Any]) -> dict[str, Any]:
    """What sentences can say of a job."""
    container = job.get("container", {})
    needs = {entry["type"]: entry["value"] for entry in container.get("resourceRequirements", [])}
    others = [entry.get("jobId", "?") for entry in job.get("dependsOn", [])]
    since = job.get("createdAt") or output.now()
    queue = str(job["jobQueue"]).rpartition("/")[2]
    return {
        "job": job["jobName"],
        "id": job["jobId"],
        "run": job["jobName"],
        "status": job["status"],
        "queue": queue,
        "environments": queue,
        "environment": queue,
        "vcpus": needs.get("VCPU") or container.get("vcpus") or 1,
        "memory": needs.get("MEMORY") or container.get("memory") or 0,
        "gpus": needs.get("GPU") or 0,
        "image": container.get("image", "?"),
        "exit": container.get("exitCode", "?"),
        "timeout": job.get("timeout", {}).get("attemptDurationSeconds", "?"),
        "dependency": others[0] if others else "?",
        "minutes": (output.now() - int(since)) // 60_000,
        "log_group": questions.site.deployment.log_group,
    }


def _died(questions: Questions, job: dict[str, Any], known: dict[str, Any]) -> Finding:
    head = Run(job)
    last = job.get("attempts") or [{}]
    texts = (
        job.get("container", {}).get("reason"),
        last[-1].get("container", {}).get("reason"),
        job.get("statusReason"),
        last[-1].get("statusReason"),
    )
    found = next((each for text in texts if (each := recognise(DIED, text, known))), None)
    if found and found.id == "host-lost":
        return _host_lost(questions, job, known)
    if head.is_stopping and (found is None or found.id != "waited-too-long"):
        return state_causes.CANCELLED.finding({**known, "text": job.get("statusReason")})
    # Every head that failed has the weakest reason of Batch, and says more in its tags.
    is_weak = found is None or found.id == "program-failed"
    if is_weak and head.tags.get("nextflow-reason"):
        return _of_head(head, known)
    return found or state_causes.UNKNOWN.finding(known)


def _of_head(head: Run, known: dict[str, Any]) -> Finding:
    reason = head.tags["nextflow-reason"]
    return state_causes.HEAD_FAILED.finding({**known, "state": head.state, "text": reason})


def _host_lost(questions: Questions, job: dict[str, Any], known: dict[str, Any]) -> Finding:
    """Says whether EC2 took the host away, which the Spot request knows."""
    cause = next(each for each in DIED if each.id == "host-lost")
    instance = (cause.matches(job.get("statusReason") or "") or {}).get("instance")
    requests = None
    if instance:
        filters = [{"Name": "instance-id", "Values": [instance]}]
        requests = questions.ask(
            "Spot requests",
            "ec2:DescribeSpotInstanceRequests",
            lambda: questions.site.client("ec2").describe_spot_instance_requests(Filters=filters)[
                "SpotInstanceRequests"
            ],
        )
    codes = [request.get("Status", {}).get("Code", "") for request in requests or []]
    spot = f", a Spot instance ({codes[0]})" if codes else ""
    return cause.finding({**known, "instance": instance or "", "spot": spot})
