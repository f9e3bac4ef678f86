"""The cdk command line's `docker`: real builds where there is an engine, notes where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws import docker_cli
from local_aws.batch.process_runner import ProcessRunner
from local_aws.server import LocalAws
from tests.support.local_aws import ACCOUNT, REGION

CLI = Path(docker_cli.__file__)
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/assets"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` on the PATH that only writes down what it is asked to do."""
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{asked}"\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("LOCAL_AWS_IMAGES", raising=False)
    return asked


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder with a Dockerfile."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text('ARG BASE_IMAGE=debian\nENTRYPOINT ["run-it", "-v"]\n')
    return folder


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of notes where there is no engine."""
    folder = tmp_path / "notes"
    monkeypatch.setenv("LOCAL_AWS_IMAGES", str(folder))
    return folder


def test_it_can_be_run_as_it_is() -> None:
    assert os.access(CLI, os.X_OK)
    assert CLI.read_text().startswith("#!/usr/bin/env python3\n")


def test_what_is_not_about_registries_goes_on_to_docker(docker: Path) -> None:
    assert docker_cli.main(["tag", "one", "two"]) == 7
    assert docker.read_text().split("\n")[:-1] == ["tag", "one", "two"]


def test_a_build_gets_the_arguments_that_its_dockerfile_takes(
    docker: Path, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_IMAGE", "nextflow-batch/base:local")
    monkeypatch.setenv("NEXTFLOW_DISTRIBUTION", "file:///not-asked-for")
    docker_cli.main(["build", "--tag", "t", str(context)])

    arguments = ["build", "--build-arg", "BASE_IMAGE=nextflow-batch/base:local", "--tag", "t"]
    assert docker.read_text().split("\n")[:-1] == [*arguments, str(context)]


def test_a_registry_is_logged_into_without_one(docker: Path) -> None:
    assert docker_cli.main(["login", "--username", "AWS"]) == 0
    assert not docker.exists()


def test_no_image_is_ever_in_a_registry_already(docker: Path) -> None:
    assert docker_cli.main(["manifest", "inspect", "image"]) == 1
    assert not docker.exists()


def test_a_missing_docker_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("LOCAL_AWS_IMAGES", raising=False)

    assert docker_cli.main(["tag", "one", "two"]) == 127
    assert "docker is not on the PATH" in capsys.readouterr().err


def test_without_an_engine_a_build_is_noted_and_then_known(notes: Path, context: Path) -> None:
    assert docker_cli.main(["inspect", "asset"]) == 1
    assert (
        docker_cli.main(["build", "--tag", "asset", "--platform", "linux/amd64", str(context)]) == 0
    )
    assert docker_cli.main(["inspect", "asset"]) == 0
    assert docker_cli.main(["tag", "asset", f"{REPOSITORY}:hash"]) == 0

    (noted,) = [json.loads(file.read_text()) for file in notes.glob("*hash.json")]
    assert noted == {
        "name": f"{REPOSITORY}:hash",
        "context": str(context),
        "dockerfile": "Dockerfile",
        "entrypoint": ["run-it", "-v"],
    }


@pytest.mark.usefixtures("notes")
def test_without_an_engine_nothing_else_works_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert docker_cli.main(["run", "image"]) == 1
    assert "there is no Docker engine here" in capsys.readouterr().err


def test_a_pushed_image_is_in_the_local_ecr_and_its_program_is_known(
    context: Path, tmp_path: Path
) -> None:
    """As the cdk command line does it: each step a process of its own."""
    runner = ProcessRunner(tmp_path / "worker")
    with LocalAws(runner=runner, state_dir=tmp_path / "aws") as aws:
        publish(aws, context, tmp_path / "notes")
        (found,) = aws.client("ecr").describe_images(repositoryName="assets")["imageDetails"]

    assert found["imageTags"] == ["tag"]
    assert runner.entrypoints[f"{REPOSITORY}:tag"] == [str(context / "run-it"), "-v"]


def publish(aws: LocalAws, context: Path, notes: Path) -> None:
    """Build, tag and push an image."""
    (context / "run-it").write_text("#!/bin/sh\necho the head ran: $@\n")
    (context / "run-it").chmod(0o755)
    aws.client("ecr").create_repository(repositoryName="assets")
    environment = {**aws.environment(), "LOCAL_AWS_IMAGES": str(notes)}
    image = f"{REPOSITORY}:tag"
    for arguments in (
        ["build", "--tag", "asset", str(context)],
        ["tag", "asset", image],
        ["push", image],
    ):
        subprocess.run([sys.executable, str(CLI), *arguments], env=environment, check=True)
