"""How much may be written to memory before it is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.host import GIB

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: At most; a fifth of the memory is the kernel's own limit and stays that of small instances.
MOST = 2 * GIB
KERNELS_SHARE = 5
#: From a quarter of it on the kernel writes in the background, as its defaults 20 and 10 % relate
#: and earlier still: a volume that is written to all the time is never far behind.
BACKGROUND = 4


def limit(host: Host) -> None:
    """Bound the dirty pages.

    They take space on scratch as fast as memory is written, long before the volumes' throughput is
    seen, so what scratch must keep free grows with them: 20 % of 128 GiB would be 25 GiB.
    https://docs.kernel.org/admin-guide/sysctl/vm.html#dirty-bytes

    Raises:
        OSError: The kernel does not take them.
    """
    lines = host.path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (total,) = (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    most = min(MOST, total // KERNELS_SHARE)
    for name, value in (("dirty_bytes", most), ("dirty_background_bytes", most // BACKGROUND)):
        host.path(f"/proc/sys/vm/{name}").write_text(f"{value}\n", encoding="ascii")
