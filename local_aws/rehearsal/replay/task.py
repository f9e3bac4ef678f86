"""One task: what Nextflow hands to its executor, and the scripts that a container then runs."""

import shlex
from dataclasses import dataclass

from .settings import Settings


@dataclass(frozen=True)
class Task:
    """A task on its way to AWS Batch.

    Attributes:
        name: Such as `sayHello (1)`.
        folder: Its folder under the work directory, such as `ab/cdef0123`.
        script: The text of `.command.sh`.
    """

    name: str
    folder: str
    script: str


def launch_command(settings: Settings, task_dir: str) -> list[str]:
    r"""The job's command, letter for letter Nextflow's.

    It forwards SIGTERM, fetches `.command.run` into a shell and sends the log back on the way out.
    https://github.com/nextflow-io/nextflow/blob/v25.10.0/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchExecutor.groovy

    Args:
        settings: The executor's settings.
        task_dir: The task's folder, an `s3://` URL.
    """
    aws = f"{settings.cli} s3 cp --only-show-errors"
    script = (
        r'trap "[[ -n \$pid ]] && kill -TERM \$pid" TERM; '
        f'trap "{{ ret=$?; {aws} .command.log {task_dir}/.command.log||true; exit $ret; }}" EXIT; '
        f"{aws} {task_dir}/.command.run - | bash > >(tee .command.log) 2>&1 & pid=$!; wait $pid"
    )
    return ["bash", "-o", "pipefail", "-c", script]


def wrapper(settings: Settings, task: Task, task_dir: str) -> str:
    """The text of `.command.run`: a short script of ours around Nextflow's own `aws` forms.

    Args:
        settings: The executor's settings.
        task: The task.
        task_dir: Its folder, an `s3://` URL.
    """
    return (
        _WRAPPER.replace("@NAME@", task.name.replace("\n", " "))
        .replace("@AWS@", settings.cli)
        .replace("@DIR@", shlex.quote(task_dir))
    )


_WRAPPER = r"""#!/bin/bash
# [simulation] Not Nextflow's wrapper, but a short one with the same `aws` calls in the same order.
### name: '@NAME@'
set -e -u

nxf_s3_upload() {
    if [[ "$1" == - ]]; then
        @AWS@ s3 cp --only-show-errors --storage-class STANDARD - "$2"
    elif [[ -d "$1" ]]; then
        @AWS@ s3 cp --only-show-errors --recursive --storage-class STANDARD "$1" "$2/$1"
    else
        @AWS@ s3 cp --only-show-errors --storage-class STANDARD "$1" "$2/$1"
    fi
}

nxf_s3_download() {
    local folders
    folders=$(@AWS@ s3 ls "$1" | grep -F "PRE ${1##*/}/" -c) || true
    if [[ $folders == 1 ]]; then
        @AWS@ s3 cp --only-show-errors --recursive "$1" "$2"
    else
        @AWS@ s3 cp --only-show-errors "$1" "$2"
    fi
}

kill_tree() {
    local child parent
    while read -r child parent; do
        [[ $parent == "$1" ]] && kill_tree "$child"
    done < <(ps -e -o pid= -o ppid=)
    kill "$1" 2>/dev/null || true
}

on_exit() {
    status=${task_status:-$?}
    printf -- "$status" | nxf_s3_upload - @DIR@/.exitcode || true
    rm -rf "$scratch"
    exit "$status"
}

scratch=$(mktemp -d -t nxf.XXXXXXXXXX)
cd "$scratch"
trap on_exit EXIT
trap 'set +e; [[ -z ${task:-} ]] || kill_tree "$task"' TERM INT USR2
echo start | nxf_s3_upload - @DIR@/.command.begin
nxf_s3_download @DIR@/.command.sh .command.sh

set +e
(set -o pipefail; (bash -ue .command.sh | tee .command.out) 3>&1 1>&2 2>&3 | tee .command.err) &
task=$!
wait "$task"
task_status=$?
nxf_s3_upload .command.out @DIR@
nxf_s3_upload .command.err @DIR@
"""
