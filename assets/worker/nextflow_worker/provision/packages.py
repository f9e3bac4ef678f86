"""Packages that the AMI lacks, from Amazon's own repository in the region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline, retry
from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: The repository's name in /etc/yum.repos.d; it lives in S3 in the same region, so that an S3
#: gateway endpoint is enough: https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html
REPOSITORY = "amazonlinux"
#: By package, what shows that its programs are there, from wherever the AMI has them.
NEEDED = {"lvm2": ("lvm", "version"), "xfsprogs": ("mkfs.xfs", "-V")}


def install(host: Host, deadline: Deadline) -> None:
    """Install what is missing; where nothing is, as after a reboot, no network is needed.

    Raises:
        WorkerError: They cannot be installed in time.
    """
    missing = [name for name, command in NEEDED.items() if not _runs(host, command, deadline)]
    if missing:
        retry(host, deadline, lambda: _install(host, missing, deadline))


def _runs(host: Host, command: tuple[str, ...], deadline: Deadline) -> bool:
    try:
        host.run(*command, deadline=deadline)
    except WorkerError:
        return False
    return True


def _install(host: Host, names: list[str], deadline: Deadline) -> None:
    host.run(
        *("dnf", "install", "--assumeyes", "--quiet", f"--repo={REPOSITORY}"),
        *("--setopt=install_weak_deps=False", *names),
        deadline=deadline,
    )
