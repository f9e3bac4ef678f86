"""What exists in AWS Batch, in one account and region."""

from threading import RLock

from local_aws.batch import limits
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.place import Place
from local_aws.batch.scheduling_policy import SchedulingPolicy


class State:
    """The resources and jobs, and their tags.

    Attributes:
        place: The account and region.
        compute_environments: By ARN.
        job_queues: By ARN.
        job_definitions: By ARN, revisions in the order of registration.
        jobs: By id, children of array jobs included.
        scheduling_policies: By ARN.
        lock: Held while any of this changes.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.compute_environments: dict[str, ComputeEnvironment] = {}
        self.job_queues: dict[str, JobQueue] = {}
        self.job_definitions: dict[str, JobDefinition] = {}
        self.jobs: dict[str, Job] = {}
        self.scheduling_policies: dict[str, SchedulingPolicy] = {}
        self.lock = RLock()
        self._tags: dict[str, dict[str, str]] = {}

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            for store in (
                self.compute_environments,
                self.job_queues,
                self.job_definitions,
                self.jobs,
                self.scheduling_policies,
                self._tags,
            ):
                store.clear()

    def tags_of(self, arn: str) -> dict[str, str]:
        """Read a resource's tags."""
        return dict(self._tags.get(arn, {}))

    def add_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags to a resource, or change them."""
        merged = self.tags_of(arn) | tags
        limits.check_tags(merged)
        self._tags[arn] = merged

    def remove_tags(self, arn: str, keys: list[str]) -> None:
        """Take tags off a resource."""
        self._tags[arn] = {k: v for k, v in self.tags_of(arn).items() if k not in keys}

    def is_taggable(self, arn: str) -> bool:
        """Tell whether a resource exists that can carry tags: a child of an array job cannot."""
        return any(
            arn in store
            for store in (
                self.compute_environments,
                self.job_queues,
                self.job_definitions,
                self.scheduling_policies,
            )
        ) or any(job.arn == arn and job.array_index is None for job in list(self.jobs.values()))

    def find_compute_environment(self, reference: str) -> ComputeEnvironment | None:
        """Find a compute environment by name or ARN."""
        return self.compute_environments.get(self._arn("compute-environment", reference))

    def find_job_queue(self, reference: str) -> JobQueue | None:
        """Find a queue by name or ARN."""
        return self.job_queues.get(self._arn("job-queue", reference))

    def find_job_definition(self, reference: str) -> JobDefinition | None:
        """Find a revision by `name`, `name:revision`, or ARN with or without the revision.

        Without a revision it is the latest active one
        (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html).
        """
        name = reference.rpartition("/")[2]
        if ":" in name:
            return self.job_definitions.get(self.place.arn("job-definition", name))
        revisions = [d for d in self.job_definitions.values() if d.name == name]
        active = [d for d in revisions if d.status == "ACTIVE"]
        return max(active, key=lambda d: d.revision, default=None)

    def find_job(self, reference: str) -> Job | None:
        """Find a job by id or ARN."""
        return self.jobs.get(reference.rpartition("/")[2])

    def compute_environment(self, reference: str) -> ComputeEnvironment:
        """Find a compute environment, or refuse.

        Raises:
            ClientException: There is none.
        """
        environment = self.find_compute_environment(reference)
        if environment is None:
            raise ClientException(f"{reference} does not exist")
        return environment

    def job_queue(self, reference: str) -> JobQueue:
        """Find a queue, or refuse.

        Raises:
            ClientException: There is none.
        """
        queue = self.find_job_queue(reference)
        if queue is None:
            raise request_error(f"JobQueue {reference} not found")
        return queue

    def _arn(self, kind: str, reference: str) -> str:
        return reference if reference.startswith("arn:") else self.place.arn(kind, reference)
