"""A worker with a scratch disk, an emulated EC2 and a writer, in pretended time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nextflow_worker.deadline import Deadline
from nextflow_worker.growth.attachment_limit import PRODUCT
from nextflow_worker.growth.growth_log import GrowthLog
from nextflow_worker.scratch import Scratch
from nextflow_worker.service import Service
from nextflow_worker.settings import Settings
from nextflow_worker.watch.daemon import LOOK_SECONDS, TURN_SECONDS, Services, Watch
from testbed.emulated_ec2 import EmulatedEc2
from testbed.worker_machine import Machine, worker_document

if TYPE_CHECKING:
    from pathlib import Path

#: The switch of cgroup v2 for the ECS agent's tasks.
FREEZE = "/sys/fs/cgroup/ecstasks.slice/cgroup.freeze"
#: How long LVM and XFS took in a guest with real disks.
COMMAND_SECONDS = {"vgextend": 0.4, "lvextend": 0.5, "xfs_growfs": 0.3, "pvs": 0.1, "vgs": 0.1}


class Death(BaseException):
    """The daemon is gone, from one instruction to the next."""


class WritingMachine(Machine):
    """A machine on which something is written while time passes, and the disk is looked at.

    Attributes:
        rate_gib: How fast is written, in GiB/s.
        limit_gib: Up to how much.
        frozen_seconds: How long nothing was written because tasks were frozen.
        full_seconds: How long writing failed because there was no space.
        moments: How many moments the daemon still lives; 0 for ever. Before and after each command,
            each call of EC2 and each file written is one.
        step: How often the disk is looked at, in seconds.
        watch: The daemon whose looks happen meanwhile, as those of a thread would.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.rate_gib = 0.0
        self.limit_gib = float("inf")
        self.full_seconds = 0.0
        self.frozen_seconds = 0.0
        self.path(FREEZE).parent.mkdir(parents=True)
        self.path(FREEZE).write_text("0")
        self.used_integral = 0.0
        self.size_integral = 0.0
        self.least_free = float("inf")
        self.moments = 0
        self.step = LOOK_SECONDS
        self.watch: Watch | None = None
        self.ec2: EmulatedEc2 | None = None

    @property
    def stopped(self) -> bool:
        """Whether tasks are frozen."""
        return self.path(FREEZE).read_text() == "1"

    def run(self, *command: str, deadline: Deadline, stdin: str = "") -> str:
        self.moment()
        self.pause(COMMAND_SECONDS.get(command[0], 0.0))
        answer = super().run(*command, deadline=deadline, stdin=stdin)
        self.moment()
        return answer

    def write(self, absolute: str, text: str) -> None:
        self.moment()
        super().write(absolute, text)
        self.moment()

    def moment(self) -> None:
        """Die if it is time to."""
        self.moments -= 1
        if self.moments == 0:
            raise Death

    def pause(self, seconds: float) -> None:
        end = self.clock + seconds
        while self.clock < end - 1e-9:
            step = min(self.step, end - self.clock)
            self.clock += step
            self._write(step)
            if self.ec2:
                self.ec2.appear()
            if self.watch:
                self.watch.look()

    def _write(self, seconds: float) -> None:
        if self.stopped:
            self.frozen_seconds += seconds
        else:
            wanted = min(self.used_gib + self.rate_gib * seconds, self.limit_gib)
            self.used_gib = min(wanted, self.in_volume)
            if wanted > self.in_volume:
                self.full_seconds += seconds
        self.least_free = min(self.least_free, self.in_volume - self.used_gib)
        self.used_integral += self.used_gib * seconds
        self.size_integral += self.in_volume * seconds


class EmulatedEcs(Service):
    """An ECS that knows one instance.

    Attributes:
        states: The states that the instance was put into.
        refuse: What each change is refused with, if it is.
    """

    def __init__(self) -> None:
        self.states: list[str] = []
        self.refuse: Exception | None = None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        assert operation == "UpdateContainerInstancesState"
        status = arguments.pop("status")
        assert arguments == {"cluster": "workers", "containerInstances": ["arn:aws:ecs:instance"]}
        if self.refuse:
            raise self.refuse
        self.states.append(status)
        return {"Failures": []}


class Testbed:
    """An instance and its daemon.

    Attributes:
        machine: The instance.
        ec2: What it calls.
        ecs: Likewise.
        logs: Likewise; none, as there is no log group, if a test gives none.
        settings: What its launch template says.
        watch: The daemon, once it runs.
    """

    def __init__(
        self,
        root: Path,
        *,
        size_gib: int = 100,
        ebs: bool = True,
        machine: type[WritingMachine] = WritingMachine,
        **ec2: Any,
    ) -> None:
        self.machine = machine(root)
        self.machine.add_root_disk()
        serial = "vol0123456789abcdef0" if ebs else "AWS0123"
        self.machine.add_disk("nvme1", serial)
        self.machine.sizes_gib["/dev/nvme1n1"] = size_gib
        product = self.machine.path(PRODUCT)
        product.parent.mkdir(parents=True)
        product.write_text("m6i.4xlarge\n")
        self.scratch = Scratch(self.machine)
        self.scratch.assemble(lambda _: "/dev/nvme1n1", Deadline(self.machine, 60))
        self.machine.least_free = float("inf")
        self.ec2 = self.machine.ec2 = EmulatedEc2(self.machine, **ec2)
        if ebs:
            self.ec2.first_volume("vol-0123456789abcdef0", "/dev/nvme1n1", size_gib)
        self.ecs = EmulatedEcs()
        self.logs: Any = None
        self._agent = root / "agent.json"
        who = {"Cluster": "workers", "ContainerInstanceArn": "arn:aws:ecs:instance"}
        self._agent.write_text(json.dumps(who))
        self.settings = self._settings()
        self.start()

    def _settings(self, **changes: Any) -> Settings:
        identity = {"instance_id": "i-0123", "availability_zone": "us-west-2b"}
        tags = {"project": "genomes"}
        return Settings.parse(worker_document(**{"volume_tags": tags, **identity, **changes}))

    def start(self, **changes: Any) -> None:
        """Start the daemon, anew if it runs, with changed settings if there are any."""
        self.machine.watch = None
        self.settings = self._settings(**changes) if changes else self.settings
        services = Services(self.ec2, self.ecs, self.logs, self._agent.as_uri())
        self.watch = Watch(self.machine, self.settings, services)
        self.machine.watch = self.watch

    def run(self, seconds: float, every: float = TURN_SECONDS) -> None:
        """Let time pass; hours of it go faster if the daemon turns only `every` so many seconds."""
        end = self.machine.clock + seconds
        self.machine.step = max(LOOK_SECONDS, every / 2)
        while self.machine.clock < end:
            self.watch.turn()
            self.machine.pause(every)
        self.machine.step = LOOK_SECONDS

    def run_until_quiet(self, seconds: float = 1200) -> None:
        """Let time pass until no growth is under way."""
        end = self.machine.clock + seconds
        self.watch.turn()
        while self.watch.controller.busy and self.machine.clock < end:
            self.machine.pause(TURN_SECONDS)
            self.watch.turn()

    def grow(self) -> None:
        """Let so much be written that scratch must grow, and wait for that."""
        self.machine.used_gib = self.machine.in_volume - 1
        self.machine.pause(LOOK_SECONDS)
        self.run_until_quiet()

    def dies(self, moments: int) -> bool:
        """Let scratch grow until the daemon dies after so many moments; tell whether it did."""
        self.machine.moments = moments
        try:
            self.grow()
        except Death:
            self.machine.watch = None
            return True
        self.machine.moments = 0
        return False

    @property
    def growth_log_is_empty(self) -> bool:
        return GrowthLog(self.machine).entries() == []
