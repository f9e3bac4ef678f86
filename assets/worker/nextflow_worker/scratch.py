"""The scratch disk: XFS on one linear logical volume that grows by whole EBS volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError
from nextflow_worker.host import GIB, Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextflow_worker.host import Host

#: allocsize bounds XFS's speculative preallocation, which would otherwise make the free space that
#: statvfs shows wrong by gigabytes. https://man7.org/linux/man-pages/man5/xfs.5.html
MOUNT_OPTIONS = "noatime,allocsize=64m"

#: A volume alone, even behind a striped beginning: LVM would go on with as many stripes.
LVEXTEND = ("lvextend", "--stripes", "1", "--extents", "+100%FREE")


class Scratch:
    """The scratch disk of a worker.

    Linear, not striped: XFS spreads directories over its allocation groups and so over all
    volumes, and a stripe would need several equal volumes for each growth.

    Attributes:
        mount_point: Where it is mounted.
    """

    def __init__(
        self, host: Host, *, mount_point: str = "/scratch", volume_group: str = "nextflow"
    ) -> None:
        """Name it.

        Args:
            host: The machine.
            mount_point: Where it is to be mounted.
            volume_group: Name of its LVM volume group; the logical volume is called `scratch`.
        """
        self.mount_point = mount_point
        self._host = host
        self._group = volume_group
        self._volume = f"/dev/{volume_group}/scratch"

    def assemble(
        self,
        find_disk: Callable[[Deadline], str],
        deadline: Deadline,
        *,
        stores: Sequence[str] = (),
    ) -> None:
        """Make and mount it, or mount what an earlier boot made.

        Each layer is made only if it is not there, so that an interrupted first boot is finished
        by the next one and a reboot destroys nothing.

        Args:
            find_disk: Returns the path of the first, blank volume; called only if needed.
            deadline: When to give up.
            stores: Paths of the instance's own disks. They are used first, striped, as they are of
                one size and much faster than EBS; the volume is then spare, see `take_spare`.

        Raises:
            WorkerError: A layer cannot be made, or something else is there already.
        """
        if self._host.is_mount(self.mount_point):
            return
        if not self._report("vgs", "vg_name", deadline):
            # Without --yes: LVM asks before it takes a disk with data, and gets no answer.
            self._run("vgcreate", self._group, *stores, find_disk(deadline), deadline=deadline)
        if not self._report("lvs", "lv_name", deadline):
            first = [disk for disk in self.disks(deadline) if disk in stores]
            stripes = ("--stripes", str(len(first))) if first else ()
            self._run(
                *("lvcreate", "--yes", "--extents", "100%PVS" if first else "100%FREE", *stripes),
                *("--name", "scratch", self._group, *first),
                deadline=deadline,
            )
        # After a reboot an added volume may show up later than the first.
        retry(self._host, deadline, lambda: self._activate(deadline), most=4)
        self._make_filesystem(deadline)
        self._host.path(self.mount_point).mkdir(parents=True, exist_ok=True)
        self._run(
            *("mount", "-t", "xfs", "-o", MOUNT_OPTIONS),
            *(self._volume, str(self._host.path(self.mount_point))),
            deadline=deadline,
        )

    def extend(self, disk: str, deadline: Deadline) -> None:
        """Add a disk; what an interrupted call did already is not done again.

        Args:
            disk: Path of the block device.
            deadline: When to give up.

        Raises:
            WorkerError: A layer cannot be extended.
        """
        if disk not in self.disks(deadline):
            self._run("vgextend", self._group, disk, deadline=deadline)
        self._fill(deadline)

    def stretch(self, disk: str, deadline: Deadline) -> None:
        """Use all of a disk of its that became larger; again, nothing is done twice.

        Args:
            disk: Path of the block device.
            deadline: When to give up.

        Raises:
            WorkerError: A layer cannot be extended.
        """
        self._run("pvresize", disk, deadline=deadline)
        self._fill(deadline)

    def take_spare(self, deadline: Deadline) -> bool:
        """Grow by what the group has but the volume has not: EBS beside instance store.

        Returns:
            Whether there was any.

        Raises:
            WorkerError: A layer cannot be extended.
        """
        if self._report("vgs", "vg_free_count", deadline) == ["0"]:
            return False
        self._fill(deadline)
        return True

    def disks(self, deadline: Deadline) -> list[str]:
        """Return the paths of its disks."""
        return self._report("pvs", "pv_name", deadline)

    def sizes(self, deadline: Deadline) -> dict[str, int]:
        """Return the size in GiB of each of its disks, by path."""
        rows = (line.split() for line in self._report("pvs", "pv_name,pv_size", deadline))
        # LVM keeps a few MiB of each for itself.
        return {disk: -(-int(size) // GIB) for disk, size in rows}

    def space(self) -> Space:
        """Return how full it is.

        Raises:
            WorkerError: It is not what is mounted. What `statvfs` says then is about another disk.
        """
        if not self._host.holds(self._volume, self.mount_point):
            message = f"no scratch disk is mounted at {self.mount_point}"
            raise WorkerError(message)
        return self._host.space(self.mount_point)

    def _fill(self, deadline: Deadline) -> None:
        if self._report("vgs", "vg_free_count", deadline) != ["0"]:
            self._run(*LVEXTEND, self._volume, deadline=deadline)
        self._run("xfs_growfs", str(self._host.path(self.mount_point)), deadline=deadline)

    def _activate(self, deadline: Deadline) -> None:
        self._run(
            *("vgchange", "--activate", "y", "--activationmode", "complete", self._group),
            deadline=deadline,
        )

    def _make_filesystem(self, deadline: Deadline) -> None:
        found = self._run(
            "wipefs", "--noheadings", "--output", "TYPE", self._volume, deadline=deadline
        )
        if not found:
            self._run("mkfs.xfs", "-q", "-L", "scratch", self._volume, deadline=deadline)
        elif found != "xfs":
            message = f"{self._volume} contains {found}, not xfs"
            raise WorkerError(message)

    def _report(self, command: str, column: str, deadline: Deadline) -> list[str]:
        lines = self._run(
            *(command, "--noheadings", "--nosuffix", "--units", "b", "--options", column),
            *("--select", f"vg_name={self._group}"),
            deadline=deadline,
        )
        return [line.strip() for line in lines.splitlines()]

    def _run(self, *command: str, deadline: Deadline) -> str:
        return self._host.run(*command, deadline=deadline)
