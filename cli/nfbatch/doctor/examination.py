"""All checks of a deployment, at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nfbatch import output, run
from nfbatch.doctor import diagnosis, workers
from nfbatch.doctor.account_checks import ACCOUNT
from nfbatch.doctor.check import Check
from nfbatch.doctor.compute_checks import COMPUTE
from nfbatch.doctor.question import Questions, Unchecked
from nfbatch.doctor.run_checks import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nfbatch.doctor.cause import Finding
    from nfbatch.site import Site

_THREADS = 8


@dataclass
class Examination:
    """What the checks found.

    Attributes:
        findings: What is wrong, or worth knowing.
        unchecked: What could not be asked.
        passed: The ids of the checks that found nothing.
    """

    findings: list[Finding] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    @property
    def has_problems(self) -> bool:
        """Whether something has to be done."""
        return any(each.is_problem for each in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "findings": [each.as_json() for each in self.findings],
            "not_checked": [each.as_json() for each in self.unchecked],
            "passed": self.passed,
        }


def _waiting(site: Site) -> Iterator[Finding]:
    """The job at the front of each queue, if it has been there for long."""
    batch = site.client("batch")
    now = output.now()
    for queue in site.deployment.queues:
        front = batch.get_job_queue_snapshot(jobQueue=queue).get("frontOfQueue", {})
        first = next(iter(front.get("jobs", [])), None)
        if first is None:
            continue
        minutes = (now - int(first.get("earliestTimeAtPosition", now))) // 60_000
        if minutes < workers.BOOT_MINUTES:
            continue
        job = str(first["jobArn"]).rpartition("/")[2]
        for described in run.describe(site.aws, [job]):
            found = diagnosis.diagnose(Questions(site), described)
            if found:
                yield found


CHECKS: tuple[Check, ...] = (
    *COMPUTE,
    *ACCOUNT,
    *RUNS,
    Check(
        id="waiting-jobs",
        title="the first job of each queue",
        action="batch:GetJobQueueSnapshot",
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html",
        run=_waiting,
    ),
)


def examine(site: Site) -> Examination:
    """Runs all checks.

    Args:
        site: The deployment.
    """
    questions = Questions(site)
    # Most checks need these; here they are asked for once, before the threads.
    for action, call in (
        ("batch:DescribeJobQueues", lambda: site.queues),
        ("batch:DescribeComputeEnvironments", lambda: site.environments),
        ("ec2:DescribeSubnets", lambda: site.subnets),
    ):
        Questions(site).ask("", action, call)
    with ThreadPoolExecutor(_THREADS) as pool:
        answers = list(
            pool.map(
                lambda check: questions.ask(check.id, check.action, lambda: check.findings(site)),
                CHECKS,
            )
        )
    done = Examination(unchecked=questions.unchecked)
    for check, found in zip(CHECKS, answers, strict=True):
        done.findings += found or []
        if found == []:
            done.passed.append(check.id)
    done.findings.sort(key=lambda each: not each.is_problem)
    return done
