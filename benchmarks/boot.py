"""From the kernel's start to the ECS agent's, by step, in a guest; and what a boot downloads.

An emulated CPU is many times slower than an instance's: the shares mean something, the seconds do
not.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Figure, write
from testbed import kernel_image, kernel_worker
from testbed.kernel_image import AGENT_STARTED

_BOOT_SECONDS = 600
_MB = 1_000_000


def main() -> int:
    """Measures all figures and writes them; 1 where no guest can be had."""
    try:
        image = kernel_image.ensure()
    except kernel_image.NoKernel as reason:
        print(reason, file=sys.stderr)
        return 1
    worker = kernel_worker.deployed(scratch__size_gib=kernel_worker.SIZE)
    with (
        tempfile.TemporaryDirectory() as folder,
        kernel_worker.switched_on(image, worker, Path(folder)) as life,
    ):
        life.guest.until(AGENT_STARTED, _BOOT_SECONDS)
        console = life.guest.console
    write(
        "boot",
        [
            *_steps(console),
            Figure(
                metric="our programs, downloaded",
                value=round(len(worker.programs) / _MB, 3),
                unit="MB",
            ),
            Figure(
                metric=f"{', '.join(kernel_image.DOWNLOADED)} with dependencies, Debian's",
                value=round(image.downloads / _MB, 1),
                unit="MB",
            ),
        ],
    )
    return 0


def _steps(console: str) -> list[Figure]:
    """The steps, by what was written to the console and when."""
    lines = r"\[\s*([\d.]+)\] \S+: nextflow-batch: (.+): done in ([\d.]+) s"
    done = [(float(at), name, float(took)) for at, name, took in re.findall(lines, console)]
    (user_data,) = re.findall(r"running 'modules:final' .* Up ([\d.]+) seconds", console)
    (agent,) = re.findall(rf"([\d.]+) {AGENT_STARTED}", console)
    first = done[0][0] - done[0][2]
    seconds = {
        "kernel to user data": float(user_data),
        "user data to the first step: metadata, fetching and checking the programs": first
        - float(user_data),
        **{name: took for _, name, took in done},
        "last step to the agent: the end of cloud-init": float(agent) - done[-1][0],
        "in all": float(agent),
    }
    return [
        Figure(metric=name, value=round(took, 1), unit="s, emulated CPU")
        for name, took in seconds.items()
    ]


if __name__ == "__main__":
    raise SystemExit(main())
