"""The machine: everything that the worker's programs do to it goes through here."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError

GIB = 1024**3


@dataclass(frozen=True)
class Space:
    """How full a file system is.

    Attributes:
        total: Its size in bytes.
        free: What can still be written, in bytes.
        inodes: Share of its inodes that is free.
    """

    total: int
    free: int
    inodes: float = 1.0


class Host:
    """A Linux machine.

    Attributes:
        root: What paths are relative to: `/`, or a folder that stands in for it.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Take the machine whose files are below `root`."""
        self.root = root

    def path(self, absolute: str) -> Path:
        """Return where the file with this absolute path is."""
        return self.root / absolute.lstrip("/")

    def run(self, *command: str, deadline: Deadline, stdin: str = "") -> str:
        """Run a command and wait for its end.

        Args:
            command: Program and arguments; no shell sees them.
            deadline: When it is killed.
            stdin: What it reads from its standard input.

        Returns:
            What it wrote to its standard output, without white space around it.

        Raises:
            WorkerError: It cannot be started, took too long, or ended with another status than 0.
        """
        name = " ".join(command[:2])
        try:
            completed = subprocess.run(
                command,
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="replace",
                input=stdin,
                timeout=deadline.remaining(),
            )
        except OSError as error:
            message = f"{command[0]} cannot be run: {error.strerror}"
            raise WorkerError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{name} took more than {error.timeout:.0f} s"
            raise WorkerError(message) from error
        if completed.returncode != 0:
            last = (completed.stderr.strip() or completed.stdout.strip() or "nothing").splitlines()[
                -1
            ]
            message = f"{name} ended with status {completed.returncode}: {last.strip()}"
            raise WorkerError(message)
        return completed.stdout.strip()

    def now(self) -> float:
        """Return the seconds of a clock that is never set back."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def write(self, absolute: str, text: str) -> None:
        """Write a file so that it is there whole or not at all, even if the power goes."""
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def is_mount(self, absolute: str) -> bool:
        """Tell whether a file system is mounted there, bind mounts included.

        os.path.ismount does not see a bind mount within one file system.
        """
        wanted = os.path.realpath(self.path(absolute))
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        # Field 5 is the mount point; a space in it is written \040.
        # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
        return wanted in (line.split(" ")[4].replace("\\040", " ") for line in mounts)

    def same_filesystem(self, one: str, other: str) -> bool:
        """Tell whether two paths are on one file system."""
        return self.path(one).stat().st_dev == self.path(other).stat().st_dev

    def space(self, absolute: str) -> Space:
        """Return how full the file system of that path is."""
        stat = os.statvfs(self.path(absolute))
        inodes = stat.f_favail / stat.f_files if stat.f_files else 1.0
        return Space(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize, inodes)

    def holds(self, device: str, absolute: str) -> bool:
        """Tell whether a path is on the file system of that block device."""
        try:
            disk = self.path(device).stat().st_rdev
            return disk != 0 and disk == self.path(absolute).stat().st_dev
        except OSError:
            return False

    def dirty(self) -> int:
        """Return how many bytes were written and are not on any disk yet."""
        # https://docs.kernel.org/filesystems/proc.html#meminfo
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kibibytes = dict(line.split()[:2] for line in lines)
        return 1024 * (int(kibibytes["Dirty:"]) + int(kibibytes["Writeback:"]))

    def wall(self) -> float:
        """Return the seconds since 1970, which a reboot does not begin anew."""
        return time.time()
