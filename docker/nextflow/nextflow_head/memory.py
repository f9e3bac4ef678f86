"""The memory that the container may use."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 2**20

# Version 2 (Amazon Linux 2023) and version 1 (Amazon Linux 2) of control groups, as a container
# sees its own: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_EVENTS = ("sys/fs/cgroup/memory.events", "sys/fs/cgroup/memory/memory.oom_control")

# Version 1 writes the largest number of pages where there is no limit, version 2 the word "max".
_UNLIMITED = 2**60


def limit(root: Path = Path("/")) -> int | None:
    """The container's memory limit in MiB, or None where there is none.

    Args:
        root: The folder that holds `sys`.
    """
    for text in _read(root, _LIMITS):
        if text.isdecimal() and int(text) < _UNLIMITED:
            return int(text) // MIB
    return None


def kills(root: Path = Path("/")) -> int:
    """How many processes of the container the kernel has killed because memory ran out.

    Args:
        root: The folder that holds `sys`.
    """
    for text in _read(root, _EVENTS):
        if found := re.search(r"^oom_kill (\d+)$", text, re.MULTILINE):
            return int(found[1])
    return 0


def heap(limit: int) -> int:
    """The Java heap for a container of `limit` MiB, in MiB.

    Outside of its heap the JVM needs some 250 MiB for itself and Nextflow's classes, and more with
    every thread and every transfer buffer; so a quarter of the rest stays free as well.
    """
    return max(128, limit * 3 // 4 - 256)


def download_buffers(heap: int) -> int:
    """How much of the heap S3 downloads may take, in MiB.

    Nextflow would allow itself 400 MB whatever the heap; it accepts no less than ten parts of 8 MB.
    """
    return min(400, max(80, heap // 4))


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Limits the further memory of this process: what needs more raises a MemoryError.

    Without `/proc`, as on a Mac, there is no limit.

    Args:
        more: In bytes.
    """
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    sizes = Path("/proc/self/statm")
    if sizes.is_file():
        used = int(sizes.read_text().split()[0]) * resource.getpagesize()
        known = [limit for limit in (before, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([used + more, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _read(root: Path, names: tuple[str, ...]) -> list[str]:
    return [(root / name).read_text().strip() for name in names if (root / name).is_file()]
