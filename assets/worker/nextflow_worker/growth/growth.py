"""One growth of the scratch disk, step by step; it survives its own death at any moment."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from nextflow_worker.deadline import Deadline, Refusal
from nextflow_worker.growth import attachments
from nextflow_worker.growth.calls import Later, Refused

if TYPE_CHECKING:
    from nextflow_worker.growth.calls import Calls
    from nextflow_worker.growth.latency import Latency
    from nextflow_worker.growth.ledger import Entry, Ledger
    from nextflow_worker.growth.volumes import Volumes
    from nextflow_worker.host import Host
    from nextflow_worker.scratch import Scratch

#: Creating and attaching take seconds as a rule and minutes at times; then it is given up.
GROW_SECONDS = 300
#: How long EC2 may take to know a volume that it has just made: seconds as a rule. AWS says to wait
#: up to five minutes; one that was only late is deleted as a stray.
#: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
UNKNOWN_SECONDS = 60
#: How long EC2 may take to know an attachment that it has just made.
BIND_SECONDS = 30
#: How often the kernel is asked for a device; that costs nothing.
DEVICE_POLL = 0.1
#: How long LVM and XFS may take.
EXTEND_SECONDS = 120
#: Waits after what did not work, in seconds: at first, at most.
RETRY = (0.5, 30.0)


@dataclass
class Tools:
    """What a growth works with."""

    host: Host
    calls: Calls
    ledger: Ledger
    volumes: Volumes
    scratch: Scratch
    latency: Latency


class Growth:
    """A growth as a chain of states, each written down before the next is begun.

    No step waits: it says when the next is due, so several growths go on side by side.

    Attributes:
        entry: What the ledger says.
        due: When the next step makes sense, by the host's clock.
        over: Whether it is done or undone.
        grown: Whether it is done.
        failure: Why it is being undone; empty while it is not.
        began: When this daemon took it up.
    """

    def __init__(self, tools: Tools, entry: Entry, *, fresh: bool) -> None:
        """Take up a growth.

        Args:
            tools: What to work with.
            entry: What the ledger says.
            fresh: Whether it has just been written down: nothing was ordered yet.
        """
        self.entry = entry
        self.due = self.began = self._since = tools.host.now()
        self.over = False
        self.grown = False
        self.failure = ""
        self._tools = tools
        self._certain = fresh
        self._wait = RETRY[0]
        self._steps: dict[str, Callable[[], None]] = {}

    def step(self) -> None:
        """Do what is next.

        Raises:
            Refusal: It did not work; `due` says when to go on, `failure` whether it is given up.
        """
        state = self.entry.state
        try:
            self._steps[state]()
        except Later as later:
            self._retry(later.seconds)
            raise
        except Refusal as refusal:
            self._retry()
            self._fail(refusal)
            raise
        if self.entry.state != state:
            self._wait = RETRY[0]

    @property
    def coming(self) -> bool:
        """Whether space is to be expected from it."""
        return not self.over and self.entry.state != "discard"

    def _fail(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _go(self, state: str, wait: float = 0.0) -> None:
        """Write down a state; the next step is due after `wait` seconds."""
        self.entry.state = state
        self._tools.ledger.note(self.entry)
        self._since = self._tools.host.now()
        self.due = self._since + wait

    def _finish(self, *, grown: bool = False) -> None:
        self._tools.ledger.close(self.entry)
        self.over = True
        self.grown = grown

    def _retry(self, at_least: float = 0.0) -> None:
        # https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        wait = self._wait * random.uniform(0.5, 1)  # noqa: S311 - no secret
        self.due = self._tools.host.now() + max(wait, at_least)
        self._wait = min(self._wait * 2, RETRY[1])

    def _took(self) -> float:
        return self._tools.host.now() - self._since

    def _deadline(self) -> Deadline:
        return Deadline(self._tools.host, EXTEND_SECONDS)

    def _in_time(self, what: str) -> None:
        if self._tools.host.now() - self.began > GROW_SECONDS:
            message = f"{what}: took more than {GROW_SECONDS} s"
            raise Refusal(message)


class Addition(Growth):
    """A volume is made, attached, bound to the instance's end and taken into scratch.

    Until scratch takes it in, a volume that fails is detached and deleted. From then on it holds
    data and can only go forward.
    """

    def __init__(self, tools: Tools, entry: Entry, *, fresh: bool) -> None:
        super().__init__(tools, entry, fresh=fresh)
        self._looked = 0.0
        self._steps = {
            "intent": self._create,
            "created": self._attach,
            "attached": self._bind,
            "bound": self._find_device,
            "in use": self._extend,
            "discard": self._discard,
        }

    def _fail(self, refusal: Refusal) -> None:
        state = self.entry.state
        if state == "intent":
            self.failure = str(refusal)
            self._finish()
        elif state not in {"in use", "discard"}:
            self.failure = str(refusal)
            self._go("discard")

    def _create(self) -> None:
        volumes, entry = self._tools.volumes, self.entry
        if not self._certain:
            # Whoever died, or got no answer, may have ordered it.
            entry.volume_id = volumes.find(entry.name)
        if not entry.volume_id:
            try:
                entry.volume_id = volumes.create(entry.name, entry.size_gib)
            except Later:
                self._certain = False
                raise
        self._go("created", self._tools.latency.usual("create"))

    def _attach(self) -> None:
        volumes, entry = self._tools.volumes, self.entry
        volume = volumes.poll(entry.volume_id)
        state = volume.get("State", "unknown")
        if state == "available":
            # It came some time between two looks; before the first one, a little sooner each time.
            took = self._took()
            self._tools.latency.learn(
                "create", (self._looked + took) / 2 if self._looked else took - min(0.3, 0.1 * took)
            )
            entry.device_name = volumes.attach(entry.volume_id)
            self._go("attached")
        elif state == "in-use":
            entry.device_name = volumes.device_name(volume)
            self._go("attached")
        elif state == "creating" or (state == "unknown" and self._took() < UNKNOWN_SECONDS):
            self._in_time(f"{entry.volume_id} is {state}, not available")
            self._looked = self._took()
            latency = self._tools.latency
            share = 0.03 if latency.knows("create") else 0.25
            # Another growth may have learned meanwhile how long it takes.
            wait = max(0.5, share * self._looked, latency.usual("create") - self._looked)
            self.due = self._tools.host.now() + wait
        else:
            # A key that cannot be used shows only here, and EC2 may soon forget the volume.
            # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
            message = f"{entry.volume_id} went into state {state}; may the role use its KMS key?"
            raise Refusal(message)

    def _bind(self) -> None:
        try:
            self._tools.volumes.bind(self.entry.volume_id, self.entry.device_name)
        except Refused as refusal:
            denied = refusal.code in {"UnauthorizedOperation", "AccessDenied"}
            if denied or self._took() > BIND_SECONDS:
                raise
            # EC2 may not know the attachment yet.
            raise Later(str(refusal)) from refusal
        since = self._since
        self._go("bound")
        self._since = since  # Attaching began with the call, not with this one.

    def _find_device(self) -> None:
        volume_id = self.entry.volume_id
        if volume_id in attachments.look(self._tools.host).volumes.values():
            self._tools.latency.learn("attach", self._took())
            self._go("in use")
            return
        self._in_time(f"no block device of {volume_id} appeared")
        self.due = self._tools.host.now() + DEVICE_POLL

    def _extend(self) -> None:
        volume_id = self.entry.volume_id
        disks = attachments.look(self._tools.host).volumes
        disk = next((disk for disk, found in disks.items() if found == volume_id), None)
        if disk is None:
            message = f"the block device of {volume_id} is gone"
            raise Refusal(message)
        self._tools.scratch.extend(disk, self._deadline())
        self._tools.latency.learn("extend", self._took())
        self._finish(grown=True)

    def _discard(self) -> None:
        volumes, volume_id = self._tools.volumes, self.entry.volume_id
        volume = volumes.describe(volume_id)
        state = volume.get("State", "unknown")
        if state == "in-use":
            attachment = volume["Attachments"][0] if volume.get("Attachments") else {}
            if attachment.get("State") != "detaching":
                volumes.device_name(volume)  # Only from this instance.
                volumes.detach(volume_id)
            self._retry()
        elif state in {"available", "error", "unknown"}:
            volumes.delete(volume_id)
            self._finish()
        elif state in {"deleted", "deleting"}:
            self._finish()
        else:
            self._retry()
