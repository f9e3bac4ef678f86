"""Makes an instance sound, step by step, and only then lets it join the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.host import GIB
from nextflow_worker.provision import (
    agent,
    containers,
    dirty_pages,
    ec2_access,
    metadata,
    packages,
    packet_sockets,
    scratch_device,
    task_client,
)
from nextflow_worker.scratch import Scratch
from nextflow_worker.settings import Settings

if TYPE_CHECKING:
    from nextflow_worker.host import Host

REASON = "/run/nextflow-batch/reason"
UNITS = Path(__file__).resolve().parents[2] / "units"

#: Below this, the first image pull may already fail: Nextflow's larger images take several GiB.
LEAST_FREE = 10 * GIB


class Step(NamedTuple):
    """One step of provisioning.

    Attributes:
        name: What is said when it fails.
        seconds: How long it may take.
        do: What it does.
    """

    name: str
    seconds: float
    do: Callable[[Deadline], object]


class Provisioning:
    """All steps, in their order; each may be done again, as it is after a reboot.

    Attributes:
        host: The instance.
        scratch: Its scratch disk.
    """

    def __init__(self, host: Host, config: Settings, scratch: Scratch | None = None) -> None:
        """Take an instance and what its launch template says."""
        self.host = host
        self.scratch = scratch or Scratch(host)
        self._settings = config

    def steps(self) -> list[Step]:
        """Return what is done, in order."""
        return [
            Step("EC2", 60, lambda end: ec2_access.prove(self.host, self._settings, end)),
            Step("packages", 240, lambda end: packages.install(self.host, end)),
            Step("dirty pages", 10, lambda _: dirty_pages.limit(self.host)),
            Step("scratch", 180, self._scratch),
            Step("seccomp profile", 10, lambda end: packet_sockets.configure(self.host, end)),
            Step("Docker on scratch", 180, self._containers),
            Step("free space", 10, self._free_space),
            Step("metadata service", 60, lambda end: metadata.block(self.host, end)),
            Step("packet sockets", 110, lambda end: packet_sockets.prove(self.host, end)),
            Step("S3 client for tasks", 300, lambda end: task_client.install(self.host, end)),
            Step("units", 60, self._units),
            Step("ECS agent settings", 10, lambda _: agent.configure(self.host)),
            Step("ECS agent", 30, lambda end: agent.start(self.host, end)),
        ]

    def run(self) -> None:
        """Do them all.

        Raises:
            WorkerError: One could not be done; the rest was not tried.
        """
        for step in self.steps():
            begin = self.host.now()
            try:
                step.do(Deadline(self.host, step.seconds))
            except WorkerError as refusal:
                message = f"{step.name}: {refusal}"
                raise WorkerError(message) from refusal
            except OSError as error:
                message = f"{step.name}: {error}"
                raise WorkerError(message) from error
            took = self.host.now() - begin
            print(f"nextflow-batch: {step.name}: done in {took:.1f} s", flush=True)

    def _scratch(self, end: Deadline) -> None:
        device = self._settings.scratch_device
        self.scratch.assemble(
            lambda until: scratch_device.blank(self.host, device, until),
            end,
            stores=scratch_device.stores(self.host),
        )

    def _containers(self, end: Deadline) -> None:
        containers.move(self.host, self.scratch, end)

    def _free_space(self, _: Deadline) -> None:
        free = self.scratch.space().free
        if free < LEAST_FREE:
            message = f"{free / GIB:.1f} GiB free, at least {LEAST_FREE / GIB:.0f} needed"
            raise WorkerError(message)

    def _units(self, end: Deadline) -> None:
        names = sorted(unit.name for unit in UNITS.glob("*.service"))
        for name in names:
            text = (UNITS / name).read_text(encoding="utf-8")
            self.host.write(f"/etc/systemd/system/{name}", text)
        self.host.run("systemctl", "daemon-reload", deadline=end)
        self.host.run("systemctl", "enable", *names, deadline=end)
        self.host.run(
            *("systemctl", "start", "--no-block", "nextflow-worker-watch.service"), deadline=end
        )


def provision(host: Host, *, instance_id: str, availability_zone: str) -> None:
    """Provision this instance by its launch template's document.

    Args:
        host: The instance.
        instance_id: Its id.
        availability_zone: Its zone.

    Raises:
        WorkerError: It must not join; the reason is also kept in a file for `boot.sh`.
    """
    host.path(agent.READY).unlink(missing_ok=True)
    try:
        settings = Settings.complete(
            host, instance_id=instance_id, availability_zone=availability_zone
        )
        Provisioning(host, settings).run()
    except WorkerError as refusal:
        host.path(agent.READY).unlink(missing_ok=True)
        host.write(REASON, f"{refusal}\n")
        raise
    except BaseException as error:
        host.path(agent.READY).unlink(missing_ok=True)
        host.write(REASON, f"unexpected {type(error).__name__}: {error}\n")
        raise
