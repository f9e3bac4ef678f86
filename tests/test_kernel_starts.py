"""Starts of a worker on a real kernel: one that is refused, one with disks of its own.

Beside the life of another in `test_kernel.py`, on the machine's second core.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from testbed.kernel_image import AGENT_STARTED as STARTED
from testbed.kernel_worker import BOOT_SECONDS, switched_on

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.kernel_image import Image
    from testbed.kernel_worker import Life, Worker

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(900)]


def test_a_refused_worker_says_why_and_goes_off_without_its_agent(
    guest_worker: Worker, guest_image: Image, tmp_path: Path
) -> None:
    with switched_on(guest_image, guest_worker, tmp_path, size_gib=8) as life:
        life.guest.until_off(BOOT_SECONDS)
        assert STARTED not in life.guest.console
        line = "nextflow-batch: this instance does not join: free space: 7."
        assert line in life.guest.console
        (reason,) = life.cloud.reasons()
        assert reason.startswith(line)
        assert set(life.cloud.volumes()) == {life.volume}


def test_the_instances_own_disks_are_used_first_and_then_the_volume(
    guest_worker: Worker, guest_image: Image, tmp_path: Path
) -> None:
    with switched_on(guest_image, guest_worker, tmp_path, stores=2) as life:
        life.guest.wait_for_shell(BOOT_SECONDS)
        life.guest.until(STARTED, BOOT_SECONDS)
        assert _segments(life) == ["striped 2"]
        life.guest.run("fallocate --length 27G /scratch/much")
        deadline = time.monotonic() + 120
        while len(_segments(life)) < 2:
            assert time.monotonic() < deadline, life.guest.run(
                "journalctl -u nextflow-worker-watch"
            )
            time.sleep(1)
        assert _segments(life)[:2] == ["striped 2", "linear 1"]
        first = life.guest.run("journalctl -u nextflow-worker-watch --output cat | grep grown")
        assert '"by": "spare"' in first.splitlines()[0]


def _segments(life: Life) -> list[str]:
    columns = "segtype,stripes"
    rows = life.guest.run(
        f"lvs --noheadings --segments --options {columns} nextflow/scratch"
    ).splitlines()
    return [" ".join(row.split()) for row in rows]
