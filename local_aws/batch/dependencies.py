"""Jobs that wait for other jobs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from local_aws.batch.errors import request_error
from local_aws.batch.job import Job

FAILED = -1


class Dependencies:
    """Who waits for whom.

    https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Job]] = defaultdict(list)

    def add(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Note a submitted job's dependencies.

        Args:
            job: The job; for an array job its parent, children already attached.
            jobs: All jobs by id.

        Raises:
            ClientException: A dependency does not exist or does not fit the job.

        """
        pairs = [pair for entry in job.depends_on for pair in _pairs(job, entry, jobs)]
        for waiting, target in pairs:
            if target.status == "FAILED":
                waiting.open_dependencies = FAILED
            elif not target.ended and waiting.open_dependencies != FAILED:
                waiting.open_dependencies += 1
                self._waiting[target.id].append(waiting)

    def resolve(self, ended: Job) -> list[Job]:
        """Note that a job has ended.

        Args:
            ended: The job.

        Returns:
            The jobs that need not wait any more; `open_dependencies` is `FAILED` where the end
            was a failure, else 0.

        """
        released = []
        for job in self._waiting.pop(ended.id, []):
            if job.ended or job.open_dependencies == FAILED:
                continue
            if ended.status == "FAILED":
                job.open_dependencies = FAILED
            else:
                job.open_dependencies -= 1
            if job.open_dependencies <= 0:
                released.append(job)
        return released

    def forget(self, job: Job) -> None:
        """Drop a job that no longer waits."""
        job.open_dependencies = 0


def _pairs(
    job: Job, entry: Mapping[str, str], jobs: Mapping[str, Job]
) -> Iterator[tuple[Job, Job]]:
    kind, target = entry.get("type"), jobs.get(entry.get("jobId", ""))
    if kind == "SEQUENTIAL" and "jobId" not in entry:
        if not job.children:
            raise request_error("A SEQUENTIAL dependency is for array jobs only")
        yield from zip(job.children[1:], job.children, strict=False)
        return
    if target is None:
        raise request_error(f"Job {entry.get('jobId')} does not exist")
    if kind == "N_TO_N":
        if not job.children or len(job.children) != len(target.children):
            raise request_error("An N_TO_N dependency is for array jobs of the same size only")
        yield from zip(job.children, target.children, strict=True)
        return
    for waiting in job.children or [job]:
        yield waiting, target
