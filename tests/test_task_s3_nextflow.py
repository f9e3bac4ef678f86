"""Tasks' scripts move files with our client: as Nextflow's shell functions call it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.go_program import TASK_S3
from tests.support.s3_server import S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where a checkout of https://github.com/nextflow-io/nextflow is, whose own functions then run too.
SOURCES = os.environ.get("NEXTFLOW_SOURCES", "")
_S3 = "plugins/nf-amazon/src/main/nextflow/cloud/aws/util/S3BashLib.groovy"
_CORE = "modules/nextflow/src/main/groovy/nextflow/executor/BashFunLib.groovy"

#: The calls that Nextflow's functions make, in functions of ours.
FUNCTIONS = """
put() {
    if [[ $1 == - ]]; then $AWS s3 cp --only-show-errors --storage-class STANDARD - "$2"
    elif [[ -d $1 ]]; then
        $AWS s3 cp --only-show-errors --recursive --storage-class STANDARD "$1" "$2/$1"
    else $AWS s3 cp --only-show-errors --storage-class STANDARD "$1" "$2/$1"; fi
}
get() {
    if $AWS s3 ls "$1" | grep --quiet --fixed-strings "PRE ${1##*/}/"; then
        $AWS s3 cp --only-show-errors --recursive "$1" "$2"
    else $AWS s3 cp --only-show-errors "$1" "$2"; fi
}
all() { local each; for each in "$@"; do eval "$each" & done; wait; }
"""
#: What a task does from its start to its end.
TASK = """
set -u
echo start | put - s3://bucket/work/.command.begin
all 'get s3://bucket/in/folder folder' "get 's3://bucket/in/one file.txt' one\\ file.txt" \
    'get s3://bucket/in/folder-not staged' 'get s3://bucket/in/none none'
test -d none/deeper
mkdir out && cp -r folder out/ && ln -s ../staged out/link && : > out/empty
mv none out/
echo done > 'a result.txt'
all "put 'out' s3://bucket/work" "put 'a result.txt' s3://bucket/work"
put .command.log s3://bucket/work
printf 0 | put - s3://bucket/work/.exitcode
"""
WANTED = {
    ".command.begin": b"start\n",
    ".command.log": b"log\n",
    ".exitcode": b"0",
    "a result.txt": b"done\n",
    "out/empty": b"",
    "out/folder/a": b"a",
    "out/folder/deep/b": b"b",
    "out/link": b"c",
    "out/none/deeper/": b"",
}


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.reset()
        for key, content in (
            ("folder/a", b"a"),
            ("folder/deep/b", b"b"),
            ("folder-not", b"c"),
            ("one file.txt", b"1"),
            ("none/deeper/", b""),
        ):
            running.put(f"in/{key}", content)
        yield running


def client(folder: Path) -> str:
    # Nextflow does not quote its path, which on a worker has no blank.
    link = folder / ".aws"
    link.unlink(missing_ok=True)
    link.symlink_to(TASK_S3.here())
    return f"{link} --region us-west-2"


def run(script: str, server: S3Server, folder: Path) -> None:
    (folder / ".command.log").write_text("log\n")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "AWS_ENDPOINT_URL": server.url, "AWS": client(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    made = {
        str(key).removeprefix("work/"): server.content(key)
        for key in server.objects()
        if key.startswith("work/")
    }
    assert made == WANTED
    assert (folder / "one file.txt").read_bytes() == b"1"


def test_a_task_stages_in_and_out(server: S3Server, tmp_path: Path) -> None:
    run(FUNCTIONS + TASK, server, tmp_path)


def _groovy(text: str, method: str, **values: str) -> str:
    """The shell functions in a method's string, with Groovy's placeholders filled in."""
    found = re.search(rf'{method}\(\) \{{\s+(?:final .*\s+)?"""\\?(.*?)"""', text, re.DOTALL)
    assert found, f"there is no {method} in these sources"
    script = re.sub(
        r"(?<!\\)\$\{?(\w+)(?:\.\w+)?\}?", lambda match: values.get(match[1], ""), found[1]
    )
    return script.replace("\\$", "$").replace("\\\\", "\\")


def test_a_task_stages_in_and_out_with_nextflows_own_functions(
    server: S3Server, tmp_path: Path
) -> None:
    if not SOURCES:
        pytest.skip("NEXTFLOW_SOURCES does not say where a checkout of Nextflow is")
    core = _groovy(
        (Path(SOURCES) / _CORE).read_text("utf-8"),
        "coreLib",
        maxTransferAttempts="5",
        delayBetweenAttempts="1",
        maxParallelTransfers="4",
    )
    own = _groovy(
        (Path(SOURCES) / _S3).read_text("utf-8"),
        "s3Lib",
        cli=client(tmp_path),
        storageClass="STANDARD",
    )
    aliases = """
    nxf_sleep() { sleep "$1"; }
    put() { nxf_s3_upload "$@"; }
    get() { nxf_s3_download "$@"; }
    all() { nxf_parallel "$@"; }
    """
    # Nextflow quotes names for the shell in which its functions run them.
    task = TASK.replace("get 's3://bucket/in/one file.txt'", "get s3://bucket/in/one\\\\ file.txt")
    script = "\n".join((core, own, aliases, "shopt -s expand_aliases", task))
    # Its own test for a folder does not quote what it asks for, so this name takes another way.
    script = script.replace(
        '"get s3://bucket/in/one\\\\ file.txt one\\ file.txt"',
        shlex.quote(
            f"{client(tmp_path)} s3 cp --only-show-errors 's3://bucket/in/one file.txt' 'one file.txt'"
        ),
    )
    run(script, server, tmp_path)
