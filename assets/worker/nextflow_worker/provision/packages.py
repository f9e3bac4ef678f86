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
NEEDED = ("lvm2", "xfsprogs")


def install(host: Host, deadline: Deadline) -> None:
    """Install what is missing; where nothing is, as after a reboot, no network is needed.

    Raises:
        WorkerError: They cannot be installed in time.
    """
    try:
        host.run("rpm", "--query", *NEEDED, deadline=deadline)
    except WorkerError:
        retry(host, deadline, lambda: _install(host, deadline))


def _install(host: Host, deadline: Deadline) -> None:
    host.run(
        *("dnf", "install", "--assumeyes", "--quiet", f"--repo={REPOSITORY}"),
        *("--setopt=install_weak_deps=False", *NEEDED),
        deadline=deadline,
    )
