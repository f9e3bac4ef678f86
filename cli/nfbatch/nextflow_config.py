"""The configuration of a Nextflow outside AWS whose tasks run on a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from nfbatch.site import Site

_NEXTFLOW_CONFIG = """\
// Nextflow on your own machine, tasks on the deployment {deployment}: written by `nfbatch config`.
// It replaces the head only; run.json, resuming in S3 and `nfbatch` belong to launched runs.
// docs/nfbatch.md lists the permissions that your credentials need.

plugins {{
    id 'nf-amazon'
}}

// Tasks of this deployment may write only what is below {runs}/*/work.
workDir = {work}

process {{
    executor = 'awsbatch'
    queue = {queue}
    resourceLabels = ['nextflow-deployment': {name}]
{limits}{label_queues}}}

executor {{
    // An account may submit 50 jobs a second, and others use it too.
    submitRateLimit = '20/1sec'
}}

aws {{
    region = {region}
    batch {{
        cliPath = {cli}
        jobRole = {role}
        logsGroup = {logs}
{share}        maxTransferAttempts = 100
        maxSpotAttempts = 5
        terminateUnschedulableJobs = true
    }}
}}
"""


@dataclass(frozen=True)
class NextflowConfig:
    """What a Nextflow must know of a deployment; the head's job definition has it.

    Attributes:
        site: The deployment.
        variables: The head's variables, docs/head.md.
        container: The head's container.
    """

    site: Site
    variables: dict[str, str]
    container: dict[str, Any]

    @classmethod
    def of(cls, site: Site) -> Self:
        """Reads it.

        Args:
            site: The deployment.

        Raises:
            NfbatchError: The head's job definition does not exist.
        """
        definition = site.head_definition
        if definition is None:
            raise NfbatchError(
                Kind.NOT_FOUND,
                f"the head's job definition {site.deployment.job_definition} is not registered:"
                " deploy again",
            )
        container = definition["containerProperties"]
        entries = {each["name"]: each["value"] for each in container.get("environment", [])}
        return cls(site, entries, container)

    @property
    def queue(self) -> str:
        """The queue of tasks, by name."""
        return _name(self.variables["NF_JOB_QUEUE"])

    @property
    def work(self) -> str:
        """A work directory that tasks may write, and that no launched run has."""
        return f"{self.site.deployment.runs}/laptop/work"

    @property
    def text(self) -> str:
        """The content of a nextflow.config."""
        deployment = self.site.deployment
        share = deployment.shares
        filled = _NEXTFLOW_CONFIG.format(
            deployment=deployment.name,
            runs=deployment.runs,
            work=_literal(self.work),
            queue=self._queue_of_a_task,
            label_queues=self._label_queues,
            name=_literal(deployment.name),
            limits=f"    resourceLimits = {limits}\n" if (limits := self._limits_of_a_task) else "",
            region=_literal(self.site.aws.region or ""),
            cli=_literal(self.variables["NF_AWS_CLI"]),
            role=_literal(self.variables.get("NF_JOB_ROLE", "")),
            logs=_literal(deployment.log_group),
            share=f"        shareIdentifier = {_literal(share.default)}\n" if share else "",
        )
        # The workers' own role serves where no task role is set.
        return "\n".join(line for line in filled.split("\n") if line.strip() != "jobRole = ''")

    @property
    def _queue_of_a_task(self) -> str:
        """As in the head's configuration, docs/processors.md."""
        gpu_queue = self.variables.get("NF_GPU_QUEUE")
        if gpu_queue is None:
            return _literal(self.queue)
        return f"{{ task.accelerator ? {_literal(_name(gpu_queue))} : {_literal(self.queue)} }}"

    @property
    def _limits_of_a_task(self) -> str:
        others = self._limits()
        gpus = self._limits(self.variables.get("NF_GPU_QUEUE"))
        if gpus == others:
            return others
        return f"{{ task.accelerator ? {gpus} : {others or '[:]'} }}"

    def _limits(self, queue: str | None = None) -> str:
        """What a task in a queue of its own, or in the others, asks for at most."""
        pairs = (pair.rsplit("=", 1) for pair in self.variables.get("NF_QUEUE_LIMITS", "").split())
        most = [self.variables.get(name) for name in ("NF_MAX_CPUS", "NF_MAX_MEMORY")]
        cpus, memory = next((limits.split(":") for name, limits in pairs if name == queue), most)
        parts = [
            *([f"cpus: {cpus}"] if cpus else []),
            *([f"memory: '{memory} MB'"] if memory else []),
        ]
        return f"[{', '.join(parts)}]" if parts else ""

    @property
    def _label_queues(self) -> str:
        pairs = (pair.split("=", 1) for pair in self.variables.get("NF_LABEL_QUEUES", "").split())
        blocks = []
        for label, queue in pairs:
            limits = self._limits(queue)
            blocks += [
                f"    withLabel: '{label}' {{",
                f"        queue = {_literal(_name(queue))}",
                *([f"        resourceLimits = {limits}"] if limits else []),
                "    }",
            ]
        return "".join(f"{line}\n" for line in blocks)

    @property
    def seqera(self) -> dict[str, str]:
        """The values of the fields of a manual AWS Batch compute environment in Seqera Platform.

        https://docs.seqera.io/platform-cloud/compute-envs/aws-batch
        """
        needs = {
            each["type"]: each["value"] for each in self.container.get("resourceRequirements", [])
        }
        deployment = self.site.deployment
        return {
            "Region": self.site.aws.region or "",
            "Pipeline work directory": f"{deployment.runs}/seqera/work",
            "Head queue": deployment.head_queue,
            "Compute queue": self.queue,
            "Compute Job role": self.variables.get("NF_JOB_ROLE", ""),
            "Head Job CPUs": needs.get("VCPU", ""),
            "Head Job memory": needs.get("MEMORY", ""),
            "AWS CLI tool path": self.variables["NF_AWS_CLI"],
        }


def _name(queue: str) -> str:
    """A queue's name, of its ARN."""
    return queue.rpartition("/")[2]


def _literal(text: str) -> str:
    """In single quotes nothing is expanded."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
