"""`make demo`: what it says where it cannot go on, and the whole of it without Docker."""

from __future__ import annotations

import fcntl
import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from local_aws import images
from local_aws.cdk import CdkError
from local_aws.demo import __main__ as demo
from local_aws.demo import capabilities, official
from local_aws.demo.display import Step
from local_aws.errors import LocalAwsError
from local_aws.images import ImagesUnavailable
from local_aws.rehearsal import core
from stacks import paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "error",
    [
        CdkError("deploy", 1, "Stack failed [/bin/sh]: no room\n"),
        ImagesUnavailable("making one here needs `debootstrap`: install it"),
        LocalAwsError("port 4566 is not free"),
        TimeoutError("the job is still RUNNABLE after ten minutes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_goes_wrong_is_a_sentence(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(demo, "_DIRECTORY", tmp_path)
    monkeypatch.setattr(demo, "_run", fail)

    assert demo.main() == 2
    output = capsys.readouterr().out
    assert re.sub(r"\s+", " ", str(error)) in re.sub(r"\s+", " ", output)
    assert "Traceback" not in output


def test_a_second_demo_at_the_same_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_DIRECTORY", tmp_path)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert demo.main() == 2

    output = " ".join(capsys.readouterr().out.split())
    assert output == "Another `make demo` of this folder is running: wait for it or stop it."


def test_where_the_official_nextflow_is_wrong_the_demo_rehearses_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    why = "https://host/nextflow-1.2.3-dist returned 404 Not Found"

    def none(_: Path) -> None:
        raise core.CoreUnavailable("`java` is not installed.")

    monkeypatch.setattr(capabilities, "usable_engine", lambda: True)
    monkeypatch.setattr(images, "ensure", lambda _: images.Images(base="b", task="t", pulled=True))
    monkeypatch.setattr(images, "with_distribution", lambda *_: {"BASE_IMAGE": "b"})
    monkeypatch.setattr(official, "refusal", lambda _: why)
    monkeypatch.setattr(core, "fetch", none)

    found = capabilities.find(tmp_path, lambda _: None)

    assert found.is_rehearsal
    assert [what for what in found.rehearsed if why in what] == [
        f"the AWS calls of its awsbatch plugin: replayed for hello, because {why}"
    ]


def test_where_the_official_nextflow_fails_in_the_build_the_demo_rehearses_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    why = (
        "NEXTFLOW_DISTRIBUTION: https://host/dist cannot be fetched: curl: (28) Operation too slow"
    )
    deployed = []

    class Cdk:
        def __init__(self, *_: object, environment: dict[str, str], **__: object) -> None:
            self._environment = environment

        def deploy(self, **_: object) -> None:
            deployed.append(self._environment)
            if self._environment == {"BASE_IMAGE": "b"}:
                raise CdkError(
                    "deploy", 1, f"#9 31.2 install-nextflow: {why}\nERROR: exit code: 1\n"
                )

    def none(_: Path) -> None:
        raise core.CoreUnavailable("`java` is not installed.")

    monkeypatch.setattr(demo, "Cdk", Cdk)
    monkeypatch.setattr(demo, "_DIRECTORY", tmp_path)
    monkeypatch.setattr(images, "ensure", lambda _: images.Images(base="b", task="t", pulled=True))
    monkeypatch.setattr(images, "with_distribution", lambda *_: {"NEXTFLOW_DISTRIBUTION": "own"})
    monkeypatch.setattr(core, "fetch", none)
    real = capabilities.Capabilities(
        is_docker=True,
        build_arguments={"BASE_IMAGE": "b"},
        real=[],
        rehearsed=[],
        is_rehearsal=False,
    )

    machine = demo._deploy(SimpleNamespace(detail=""), SimpleNamespace(), real)  # type: ignore[arg-type]

    assert deployed == [{"BASE_IMAGE": "b"}, {"NEXTFLOW_DISTRIBUTION": "own"}]
    assert machine.is_rehearsal
    assert [what for what in machine.rehearsed if why in what] != []


def test_a_step_stays_one_line_in_a_narrow_terminal() -> None:
    step = Step("Bootstrapping the account (cdk bootstrap)")
    step.detail = "AWS::CloudFormation::Stack " * 9
    console = Console(width=80, file=io.StringIO())
    console.print(step)
    assert str(console.file.getvalue()).count("\n") == 1  # type: ignore[attr-defined]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_without_docker_it_runs_hello_and_says_what_was_rehearsed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "local_aws.demo"],
        cwd=paths.ROOT,
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "hello: SUCCEEDED" in run.stdout
    shown = dict(re.findall(r"^\$ nfbatch (\w+).*\n((?:(?!\$ ).*\n)*)", run.stdout, re.MULTILINE))
    assert "nf-hello\tSUCCEEDED" in shown["list"]
    assert "State       SUCCEEDED" in shown["status"]
    assert "nextflow-head: the pipeline succeeded" in shown["logs"]
    assert "sayHello_1\t1\t" in shown["cost"]
    assert "build/demo/hello.html" in shown["report"]
    assert run.stdout.count("SubmitJob") == 4
    assert all(f"{word} world!" in run.stdout for word in ("Bonjour", "Ciao", "Hello", "Hola"))
    real, rehearsed = run.stdout.split("What was real")[1].split("What was simulated")
    assert "deployed by the cdk CLI" in real
    assert "because no Docker engine responds" in rehearsed
    assert "AWS calls of its awsbatch plugin: replayed for hello" in rehearsed
