"""The tasks' S3 client does what the AWS CLI does: each form through both, on the same server."""

from __future__ import annotations

import importlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from assets.go_program import TASK_S3
from tests.support.s3_forms import FORMS, Form, Left, left_behind
from tests.support.s3_server import S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[[Form], "Done"]

MACHINE = os.uname().machine
REGION = ("--region", "us-west-2")
DEBIANS = Path("/usr/bin/aws")


#: One of each kind runs always, the rest with `make test-s3`.
ALWAYS = {
    *(
        "a file",
        "an empty file",
        "into a folder",
        "in parts",
        "parts with all",
        "a file 'ünïcode 日本 😀'",
    ),
    *(
        "the type of r.html",
        "a link",
        "a broken link",
        "a missing file",
        "a pipe",
        "an empty folder",
    ),
    *("the folder d to s3://bucket/p/d", "a folder with odd names", "a folder with a broken link"),
    *("one line from a stream", "parts from a stream", "one line to a stream"),
    *("a missing object to a stream", "an object to b", "an object to new/", "a large object"),
    *("a missing object over a file", "an archived object", "s3://bucket/d to d"),
    *("a folder with markers", "odd names", "nothing", "names that lead out"),
    *(
        "a key '..' that leads out",
        "a key '/../out' that leads out",
        "a key '/a'",
        "two keys of one name",
    ),
    *("a key 'a/' that is a folder's", "a folder with names that are not UTF-8"),
    *("ls of 'in/dir'", "ls of 'none'", "ls of odd names", "ls of no bucket", "ls of many"),
}
EACH = [
    pytest.param(form, id=form.name, marks=[] if form.name in ALWAYS else pytest.mark.s3)
    for form in FORMS
]


class Done(NamedTuple):
    code: int
    out: bytes
    err: bytes


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    work = tmp_path / "work"
    work.mkdir()
    return work


@pytest.fixture(scope="session")
def client() -> Path:
    return TASK_S3.built() / MACHINE / "aws"


def program(path: Path, form: Form, folder: Path) -> Done:
    """Run a client that is a program."""
    # Debian's AWS CLI 2.9 does not know AWS_ENDPOINT_URL.
    endpoint = ("--endpoint-url", os.environ["AWS_ENDPOINT_URL"])
    done = subprocess.run(
        [str(path), *REGION, *endpoint, *form.arguments],
        cwd=folder,
        input=form.stdin,
        capture_output=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def version_1(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Run:
    """The AWS CLI in this process: starting one for each call would take longer than the call."""

    def run(form: Form) -> Done:
        # Importing it sets this variable for the whole process; so it is taken back with the test.
        monkeypatch.setenv("AWS_DATA_PATH", "")
        driver = importlib.import_module("awscli.clidriver")
        monkeypatch.setenv("AWS_DATA_PATH", str(Path(driver.__file__ or "").parent / "data"))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(form.stdin)))
        monkeypatch.chdir(folder)
        capfdbinary.readouterr()
        code = driver.create_clidriver().main([*REGION, *form.arguments])
        return Done(code, *capfdbinary.readouterr())

    return run


def test_the_forms_that_run_always_are_forms() -> None:
    assert {form.name for form in FORMS} >= ALWAYS


def compare(server: S3Server, folder: Path, form: Form, ours: Run, real: Run) -> None:
    """Run a form through both and compare what they leave behind."""
    left: list[Left] = []
    for run in (ours, real):
        form.prepare(server, folder)
        done = run(form)
        left.append(left_behind(server, folder, *done))
        if run is ours:
            mine = done
    got, real_one = left
    wanted = form.wanted(real_one, got)
    command = shlex.join(("aws", *REGION, *form.arguments))
    for name in Left._fields:
        assert getattr(got, name) == getattr(wanted, name), f"{name} of: {command}\n{mine}\n{done}"


@pytest.mark.parametrize("form", EACH)
def test_a_form_does_what_it_does_in_the_aws_cli(
    form: Form, server: S3Server, folder: Path, client: Path, version_1: Run
) -> None:
    compare(server, folder, form, lambda form: program(client, form, folder), version_1)


@pytest.mark.s3
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_does_what_it_does_in_version_2(
    form: Form, server: S3Server, folder: Path, client: Path
) -> None:
    if not DEBIANS.exists():
        pytest.skip("Debian's AWS CLI 2 is not installed: apt-get install awscli")
    if form.name == "a key '/../out' that leads out":
        pytest.skip("Debian's AWS CLI 2.9 writes outside the folder; version 1 and ours do not")
    compare(
        server,
        folder,
        form,
        lambda form: program(client, form, folder),
        lambda form: program(DEBIANS, form, folder),
    )
