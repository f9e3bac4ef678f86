"""How large the head is, where it and its tasks go, and whether the queues can run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nextflow_batch.arguments import Arguments
from nextflow_batch.instance_types import Architecture, Resources
from nextflow_batch.names import JobDefinitionName, Label, QueueName
from nextflow_batch.problem import Problem, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from nextflow_batch.capacity import Capacity
    from nextflow_batch.queue_order import QueueOrder

#: https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html
_Attempts = Annotated[int, Field(ge=1, le=10)]


class Head(Arguments):
    """The job that runs `nextflow`.

    Attributes:
        job_definition: Name of the job definition.
        vcpus: vCPUs of the head.
        memory_mib: Memory of the head in MiB.
        attempts: How often Batch starts a head that lost its host.
        timeout_minutes: How long an attempt may take before Batch stops it; for ever when not
            given.
        queue: The queue of heads, whose instances no task may share; heads share the instances of
            tasks when not given.
        task_queue: The queue of the tasks, unless the pipeline names another.
        on_demand_queue: The queue of a task's later attempts; the task queue when not given.
        gpu_queue: The queue of tasks with an `accelerator`; the task queue when not given.
        label_queues: The queues of tasks with a label, by the label.
        spot_attempts: How many of a task's attempts stay in the task queue before that; 1 when not
            given.
        privileged_tasks: Whether containers of tasks may have their host's privileges.
        architecture: For which processor its image is built.
    """

    job_definition: JobDefinitionName = Field(
        default="nextflow",
        description="Name of the job definition, which must be unique in the account and region; in"
        " a settings file `name_prefix` comes before it",
    )
    vcpus: int = Field(
        default=2,
        ge=1,
        le=192,
        description="vCPUs of the head job; an instance must have room for it",
    )
    memory_mib: int = Field(
        default=7_168,
        ge=512,
        le=1_500_000,
        description="Memory of the head job in MiB; an instance must have room for it",
    )
    attempts: _Attempts = Field(
        default=3, description="Attempts of the head job, the first included"
    )
    timeout_minutes: int | None = Field(
        default=None,
        ge=10,
        le=525_600,
        description="Minutes after which Batch stops an attempt of the head job, which then stops"
        " its tasks and is not repeated; unset: never",
    )
    queue: QueueName | None = Field(
        default=None,
        description="Queue of heads; no other queue may use its compute environments, and heads"
        " cannot submit to it; unset: heads share instances with tasks, which can then attack them",
    )
    task_queue: QueueName = Field(
        default="default", description="Queue to which Nextflow submits tasks"
    )
    on_demand_queue: QueueName | None = Field(
        default=None,
        description="Queue of a task that lost its hosts `spot_attempts` times; its first compute"
        " environment must be On-Demand; unset: `task_queue`",
    )
    spot_attempts: _Attempts | None = Field(
        default=None,
        description="How often a task is submitted to `task_queue` before it goes to"
        " `on_demand_queue`; unset: 1",
    )
    gpu_queue: QueueName | None = Field(
        default=None,
        description="Queue of tasks with the directive `accelerator`; its instances must have"
        " NVIDIA GPUs; unset: `task_queue`",
    )
    label_queues: dict[Label, QueueName] = Field(
        default_factory=dict,
        max_length=20,
        description="Queue of tasks with a label, by the label, such as `{arm64: graviton}`",
    )
    privileged_tasks: bool = Field(
        default=False,
        description="Whether pipelines may run privileged containers, which own their instance;"
        " Fusion needs it",
    )
    architecture: Architecture = Field(
        default="x86_64",
        description="Processor of the head image; a queue must have such instances",
    )

    def conflicts(self) -> Iterator[Problem]:
        """Attempts that go nowhere."""
        if self.spot_attempts is not None and not self.on_demand_queue:
            text = (
                f"{self.spot_attempts} is not allowed without on_demand_queue: set it, or remove"
                " spot_attempts"
            )
            yield Problem(("spot_attempts",), text)

    @property
    def routed_queues(self) -> set[str]:
        """The queues of tasks with an `accelerator` or a label."""
        return {*self.label_queues.values(), *([self.gpu_queue] if self.gpu_queue else [])}

    @property
    def task_queues(self) -> list[str]:
        """The queues to which tasks go, that of their first attempt first."""
        return [self.task_queue, *([self.on_demand_queue] if self.on_demand_queue else [])]

    def queue_problems(
        self, queues: Mapping[str, QueueOrder], capacities: Mapping[str, Capacity]
    ) -> Iterator[Problem]:
        """What is wrong between the head and queues that are sound.

        Args:
            queues: Each queue's order, by name.
            capacities: The compute environments, by name.

        Yields:
            The problems, below the head.
        """
        for path, name in self._named_queues():
            if name not in queues:
                text = f"{quote(name)} is not allowed: must be one of {', '.join(queues)}"
                yield Problem(path, text)
        own = queues.get(self.queue or "")
        served = [own] if own else queues.values()
        used = {key for queue in served for key in queue.compute_environments}
        yield from self._misfit([entry for key, entry in capacities.items() if key in used])
        yield from self._on_demand_problems(queues, capacities)
        yield from self._gpu_problems(queues, capacities)
        yield from self._shared_hosts(queues)

    def _named_queues(self, *without: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """Each place that names a queue, and the name."""
        for key in ("queue", "task_queue", "on_demand_queue", "gpu_queue"):
            name = getattr(self, key)
            if name is not None and key not in without:
                yield (key,), name
        for label, name in self.label_queues.items():
            yield ("label_queues", label), name

    def _gpu_problems(
        self, queues: Mapping[str, QueueOrder], capacities: Mapping[str, Capacity]
    ) -> Iterator[Problem]:
        if self.gpu_queue is None or self.gpu_queue not in queues:
            return
        for name in queues[self.gpu_queue].compute_environments:
            if capacities[name].image_type != "ECS_AL2023_NVIDIA":
                text = (
                    f"{quote(self.gpu_queue)} is not allowed: its compute environment {name} has no"
                    " NVIDIA GPUs"
                )
                yield Problem(("gpu_queue",), text)

    def _shared_hosts(self, queues: Mapping[str, QueueOrder]) -> Iterator[Problem]:
        """Where a task could run beside a head."""
        if self.queue is None or self.queue not in queues:
            return
        for path, name in self._named_queues("queue"):
            if name == self.queue:
                text = (
                    f"{quote(self.queue)} is not allowed: it is the queue of heads (head.queue),"
                    " where no task may run"
                )
                yield Problem(path, text)
        heads = queues[self.queue].compute_environments
        for name, queue in queues.items():
            shared = [key for key in queue.compute_environments if key in heads]
            if name != self.queue and shared:
                text = (
                    f"{quote(self.queue)} is not allowed: the queue {quote(name)} uses its compute"
                    f" environment {shared[0]} too, so that tasks could run beside a head"
                )
                yield Problem(("queue",), text)

    def _on_demand_problems(
        self, queues: Mapping[str, QueueOrder], capacities: Mapping[str, Capacity]
    ) -> Iterator[Problem]:
        name = self.on_demand_queue
        if name is None or name not in queues or self.task_queue not in queues:
            return
        prefix = f"{quote(name)} is not allowed"
        first = queues[name].compute_environments[0]
        if capacities[first].purchase != "on-demand":
            text = f"{prefix}: its first compute environment must be on-demand, but {first} is not"
            yield Problem(("on_demand_queue",), text)
        first_of_tasks = queues[self.task_queue].compute_environments[0]
        expected = capacities[first_of_tasks].architecture
        actual = capacities[first].architecture
        if actual != expected:
            text = (
                f"{prefix}: must run {expected}, like task_queue {quote(self.task_queue)}, but runs"
                f" {actual}"
            )
            yield Problem(("on_demand_queue",), text)

    def submit_queue(
        self, queues: Mapping[str, QueueOrder], capacities: Mapping[str, Capacity]
    ) -> str:
        """The queue to submit heads to.

        Args:
            queues: Each queue's order, by name.
            capacities: The compute environments, by name.

        Returns:
            The name of their own queue or, without one, of a queue that can run them, best
            On-Demand, as a reclaimed head delays all its tasks.
        """
        if self.queue:
            return self.queue
        preferred = (self.on_demand_queue, self.task_queue)
        names = sorted(queues, key=lambda name: (*(name != best for best in preferred),))
        return next(
            name
            for name in names
            if not self._misfit([capacities[key] for key in queues[name].compute_environments])
        )

    def _misfit(self, capacities: Collection[Capacity]) -> list[Problem]:
        """Why none of the capacities can run the head; none where one of them can."""
        right = [entry for entry in capacities if entry.architecture == self.architecture]
        if not right:
            others = " or ".join(sorted({entry.architecture for entry in capacities}))
            text = (
                f"{quote(self.architecture)} is not allowed: must be {others}, the architecture of"
                " the queues' instances"
            )
            return [Problem(("architecture",), text)]
        if any(entry.runs(Resources(self.vcpus, self.memory_mib)) for entry in right):
            return []
        names = ", ".join(dict.fromkeys(name for entry in right for name in entry.instance_types))
        most = max(entry.most_vcpus() for entry in right)
        if self.vcpus > most:
            limit = max(entry.max_vcpus for entry in right)
            within = f" within max_vcpus {limit}" if limit < self.vcpus else ""
            text = (
                f"{self.vcpus} is not allowed: must be at most {most}, the vCPUs of the largest of"
                f" {names}{within}"
            )
            return [Problem(("vcpus",), text)]
        leaves = max(entry.memory_beside(self.vcpus) for entry in right)
        text = (
            f"{self.memory_mib} is not allowed: must be at most {leaves}, the memory that jobs can"
            f" use on {names}"
        )
        return [Problem(("memory_mib",), text)]
