"""Jobs as local processes: what stands in for an image's entry point and for mounts."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from local_aws.batch.process_runner import ProcessRunner, worker_path
from local_aws.batch.runner import ContainerError, ContainerSpec, Exit, Mount

SPEC = ContainerSpec(name="name", job_id="job", image="repository/head:tag", command=())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "worker"
    (folder / "opt/aws-cli/bin").mkdir(parents=True)
    client = folder / "opt/aws-cli/bin/aws"
    client.write_text("#!/bin/sh\necho the client: $*\n")
    client.chmod(0o755)
    return folder


def run(runner: ProcessRunner, **change: object) -> tuple[Exit, list[str]]:
    lines: list[str] = []
    container = runner.start(ContainerSpec(**{**vars(SPEC), **change}), lines.append)
    return container.wait(), lines


def test_an_images_entry_point_is_given_by_the_longest_prefix_of_its_name(root: Path) -> None:
    runner = ProcessRunner(root)
    runner.entrypoints = {
        "repository/": ["echo", "general"],
        "repository/head": [sys.executable, "-c", "import sys; print(sys.argv[1:])"],
    }

    assert run(runner, command=("hello", "a b"))[1] == ["['hello', 'a b']"]
    assert run(runner, image="repository/task:1", command=("x",))[1] == ["general x"]
    assert run(runner, image="other", command=("echo", "x"))[1] == ["x"]


def test_the_task_client_is_found_in_the_command_and_the_environment(root: Path) -> None:
    script = "/opt/aws-cli/bin/aws s3 ls; $CLIENT cp; echo /opt/aws-cli-2 /x/opt/aws-cli"
    _, lines = run(
        ProcessRunner(root),
        command=("sh", "-c", script),
        environment={"CLIENT": "/opt/aws-cli/bin/aws"},
    )

    assert lines == [
        "the client: s3 ls",
        "the client: cp",
        "/opt/aws-cli-2 /x/opt/aws-cli",
    ]


def test_a_host_volume_is_its_folder_in_the_workers_root(root: Path) -> None:
    mounts = (Mount(source="/scratch/data", target="/data"),)
    run(ProcessRunner(root), command=("sh", "-c", "echo hi > /data/file"), mounts=mounts)

    assert (root / "scratch/data/file").read_text() == "hi\n"
    assert not Path("/data/file").exists()


def test_a_path_inside_the_workers_root_stays(root: Path) -> None:
    inside = root / "opt/aws-cli"

    assert worker_path(root, str(inside)) == inside.resolve()
    assert worker_path(root, "/opt/aws-cli") == inside.resolve()


def test_no_volume_leaves_the_workers_root(root: Path) -> None:
    with pytest.raises(ContainerError, match="leaves the worker's root"):
        worker_path(root, "/../outside")
    assert not (root.parent / "outside").exists()


def test_a_new_volume_can_be_made_by_several_jobs_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def second(path: Path, *arguments: Any, **options: Any) -> None:
        mkdir(path, parents=True, exist_ok=True)
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", second)

    assert worker_path(root, "/scratch/shared").is_dir()


def test_a_volume_can_be_a_file(root: Path) -> None:
    assert worker_path(root, "/opt/aws-cli/bin/aws").is_file()


def test_a_job_that_has_ended_is_not_signalled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process id, and so its group's, may be another program's by then."""
    container = ProcessRunner(root).start(
        ContainerSpec(**{**vars(SPEC), "command": ("true",)}), print
    )
    container.wait()
    signalled: list[int] = []
    for name in ("kill", "killpg"):
        monkeypatch.setattr(os, name, lambda target, _: signalled.append(target))
    container.stop()
    container.kill()

    assert signalled == []


def test_each_job_has_a_temporary_directory_of_its_own_that_is_gone_afterwards(
    root: Path,
) -> None:
    runner = ProcessRunner(root)
    script = ("sh", "-c", "pwd; echo $TMPDIR; touch made")
    places = [run(runner, command=script)[1] for _ in range(2)]

    assert places[0] != places[1]
    for working, temporary in places:
        assert working == temporary
        assert not Path(working).exists()


def test_the_servers_own_aws_settings_do_not_reach_the_job(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    runner = ProcessRunner(root)
    runner.environment["PYTHONPATH"] = "/x"
    _, lines = run(runner, command=("env",), environment={"A": "1"})

    assert not [line for line in lines if line.startswith("AWS_")]
    assert {"A=1", "PYTHONPATH=/x"} <= set(lines)


def test_an_image_without_command_does_not_start(root: Path) -> None:
    with pytest.raises(ContainerError, match="No command specified"):
        run(ProcessRunner(root))
