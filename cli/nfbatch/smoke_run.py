"""The run of `nfbatch smoke`: what it does, and what it proved."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nfbatch import cost, log_stream, lost_host, output, record, run_usage, tasks
from nfbatch.error import Kind, NfbatchError
from nfbatch.proof import Proof
from nfbatch.s3_uri import S3Uri
from nfbatch.submission import CANCELLED

if TYPE_CHECKING:
    from nfbatch.run import Run
    from nfbatch.site import Site

PIPELINE = Path(__file__).with_name("smoke_pipeline")
#: The whole run may take so long.
MINUTES = 10
_POLL_SECONDS = 5.0
#: While this task runs, the head is lost.
_PAUSE = "PAUSE"
#: Beyond the first size of scratch.
_MORE_GIB = 5
_SCRATCH_DEVICES_BEGIN = 1


@dataclass
class SmokeRun:
    """A run that has been launched.

    Attributes:
        site: The deployment.
        head: Its head.
        fill_gib: How much it writes to scratch.
        lost: How the head was lost, or why it was not; None before.
    """

    site: Site
    head: Run
    fill_gib: int
    lost: Proof | None = field(default=None)

    def watch(self, deadline: float) -> None:
        """Waits for its end, and loses its head once.

        Args:
            deadline: On the monotonic clock.

        Raises:
            NfbatchError: It takes too long; it is cancelled.
        """
        aws = self.site.aws
        state = ""
        while not self.head.has_ended:
            if self.head.state != state:
                state = self.head.state
                output.say(f"{self.head.name} is {state}")
            if time.monotonic() > deadline:
                raise NfbatchError(
                    Kind.RUN_FAILED,
                    f"{self.head.name} was {state} after {MINUTES} minutes, and was cancelled:"
                    f" `nfbatch doctor {self.head.name}` says why it took so long",
                )
            if self.lost is None and self._is_pausing():
                self.lost = lost_host.lose(self.site, self.head)
                output.say(self.lost.evidence)
            time.sleep(_POLL_SECONDS)
            self.head = log_stream.refreshed(aws, self.head)

    def cancel(self) -> None:
        """Stops it; its head stops its tasks."""
        batch = self.site.client("batch")
        batch.terminate_job(jobId=self.head.id, reason=CANCELLED)

    def _is_pausing(self) -> bool:
        known = record.read(self.site.aws, self.head.logs(self.site.deployment))
        if known is None:
            return False
        living = tasks.alive(self.site.aws, self.site.deployment, self.head, known)
        return any(_PAUSE in job["jobName"] and job["status"] == "RUNNING" for job in living)

    def proofs(self) -> list[Proof]:
        """What it showed."""
        known = record.read(self.site.aws, self.head.logs(self.site.deployment)) or {}
        ended = {
            task.name: task
            for attempt in known.get("attempts", [])
            for task in tasks.ended(self.site.aws, S3Uri.parse(attempt["logs"]))
            if task.status in ("COMPLETED", "CACHED")
        }
        lines: list[str] = []
        log_stream.Log(self.site.aws).show(self.head.job, lines.append)
        attempts = len(self.head.job.get("attempts", []))
        return [
            _of_task("tasks write S3", "WRITE", ended, "64 MiB"),
            _of_task("tasks read S3", "READ", ended, "the same 64 MiB"),
            self._survival(attempts, known),
            _of_task("scratch grows", "FILL", ended, f"{self.fill_gib} GiB written"),
            Proof("logs are readable", bool(lines), f"{len(lines)} lines of the head"),
            self._cost(known),
        ]

    def _cost(self, known: dict[str, Any]) -> Proof:
        from nfbatch import aws_error  # noqa: PLC0415 - slow to import

        what = "its cost is known"
        aws, deployment = self.site.aws, self.site.deployment
        usages = run_usage.collect(aws, deployment, self.head, known)
        try:
            found = cost.estimate(aws, deployment, usages)
        except aws.client("batch").exceptions.ClientError as error:
            return Proof(what, False, str(aws_error.translate(error, aws.profile)))
        return Proof(what, bool(found.parts), f"about {output.money(found.usd)}")

    def _survival(self, attempts: int, known: dict[str, Any]) -> Proof:
        what = "a run survives a lost head"
        if self.lost is None:
            return Proof(what, False, "the head ended before it could be lost")
        if not self.lost.is_proved:
            return Proof(what, False, self.lost.evidence)
        cached = known.get("tasks", {}).get("cached", 0)
        is_proved = attempts > 1 and self.head.state == "SUCCEEDED"
        return Proof(what, is_proved, f"{attempts} attempts, {cached} tasks not repeated")


def _of_task(what: str, name: str, ended: dict[str, Any], evidence: str) -> Proof:
    found = ended.get(name)
    return Proof(what, found is not None, evidence if found else f"the task {name} did not succeed")


def first_scratch_gib(site: Site) -> int:
    """The size of a worker's scratch disk at its start: of the volumes behind the root volume.

    Args:
        site: The deployment.

    Raises:
        NfbatchError: The workers have no launch template with such a volume.
    """
    for template in site.launch_templates:
        devices = site.template_data(template).get("BlockDeviceMappings", [])
        sizes = [
            int(device["Ebs"]["VolumeSize"])
            for device in devices[_SCRATCH_DEVICES_BEGIN:]
            if device.get("Ebs", {}).get("VolumeSize")
        ]
        if sizes:
            return sum(sizes)
    raise NfbatchError(
        Kind.NOT_FOUND,
        f"the launch template of {site.deployment.name} has no scratch disk: pass --fill GIB",
    )


def to_fill(site: Site) -> int:
    """How many GiB overfill the first size."""
    return first_scratch_gib(site) + _MORE_GIB
