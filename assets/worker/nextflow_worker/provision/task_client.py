"""The `aws` that Nextflow's tasks move files with: the one that came along, or else AWS's own."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from nextflow_worker.deadline import Deadline
from nextflow_worker.error import WorkerError
from nextflow_worker.provision import aws_cli

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: The client for each kind of machine, if the deployment chose it: `MACHINE/aws`.
CLIENTS = Path(__file__).resolve().parents[2] / "task_s3"


def install(host: Host, deadline: Deadline, *, clients: Path = CLIENTS) -> None:
    """Put it where tasks find it, and run it once.

    Args:
        host: Where.
        deadline: When to give up.
        clients: The folder of the clients that came along.

    Raises:
        WorkerError: There is none for this machine, or it does not run.
    """
    if not clients.is_dir():
        aws_cli.install(host, deadline)
        return
    client = clients / platform.machine() / "aws"
    if not client.is_file():
        message = f"the programs contain no S3 client for {platform.machine()}"
        raise WorkerError(message)
    target = host.path(f"{aws_cli.HOME}/bin/aws")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name("aws.part")
    shutil.copyfile(client, part)
    part.chmod(0o755)
    part.replace(target)
    # In there is nothing else, as in the smallest of images: no loader, no library, no /etc.
    home = str(host.path(aws_cli.HOME))
    version_line = host.run("chroot", home, "/bin/aws", "--version", deadline=deadline)
    if not version_line.startswith("nextflow-batch-task-s3/"):
        message = f"{aws_cli.HOME}/bin/aws says {version_line!r}, it is not the tasks' S3 client"
        raise WorkerError(message)
