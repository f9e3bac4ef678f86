"""Which share of a fair-share queue is served next."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from local_aws.batch.clock import now
from local_aws.batch.job import Job
from local_aws.batch.scheduling_policy import SchedulingPolicy


class ShareUsage:
    """What the shares of a queue use, and have used.

    Batch counts a share's vCPUs "during a period of time", in which more recent jobs have more
    weight (https://docs.aws.amazon.com/batch/latest/userguide/scheduling-policies.html). How they
    lose it is not documented. Ours: what runs counts in full, and what has ended decays
    exponentially, with `shareDecaySeconds` as its time constant.
    """

    def __init__(self) -> None:
        self._running: dict[str | None, float] = defaultdict(float)
        self._past: dict[str | None, float] = defaultdict(float)
        self._counted_at: dict[str | None, int] = {}

    def started(self, job: Job) -> None:
        """Count a job that starts."""
        self._running[job.share_identifier] += job.demand.vcpus

    def ended(self, job: Job, milliseconds: int, policy: SchedulingPolicy) -> None:
        """Count a job that has ended.

        Args:
            job: The job.
            milliseconds: How long it ran.
            policy: The queue's policy.
        """
        share = job.share_identifier
        self._running[share] -= job.demand.vcpus
        self._past[share] = self._faded(share, policy) + job.demand.vcpus * milliseconds / 1_000
        self._counted_at[share] = now()

    def _faded(self, share: str | None, policy: SchedulingPolicy) -> float:
        age = (now() - self._counted_at.get(share, now())) / 1_000
        return self._past[share] * math.exp(-age / policy.decay_seconds)

    def of(self, share: str | None, policy: SchedulingPolicy) -> float:
        """A share's vCPUs: those that run, and the average of those that did."""
        return self._running[share] + self._faded(share, policy) / policy.decay_seconds

    def order(
        self, waiting: Sequence[Job], policy: SchedulingPolicy
    ) -> Callable[[Job], tuple[float, int, int]]:
        """By what to sort jobs that wait, the next one first.

        A priority counts "only within a single share identifier"
        (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html).

        Args:
            waiting: The queue's RUNNABLE jobs in the order of their submission.
            policy: The queue's policy.

        Returns:
            A key: the weighted usage of a job's share, since when the share waits, and the job's
            priority.
        """
        first: dict[str | None, int] = {}
        for position, job in enumerate(waiting):
            first.setdefault(job.share_identifier, position)
        usage = {share: self.of(share, policy) * policy.weight(share) for share in first}
        return lambda job: (
            usage[job.share_identifier],
            first[job.share_identifier],
            -job.scheduling_priority,
        )

    def reserved(self, waiting: Sequence[Job], policy: SchedulingPolicy) -> float:
        """The ratio of the vCPUs that is kept for shares that have no jobs.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_FairsharePolicy.html
        """
        running = {share for share, vcpus in self._running.items() if vcpus}
        active = running | {job.share_identifier for job in waiting}
        return (policy.compute_reservation / 100) ** len(active)
