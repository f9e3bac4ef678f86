"""The folder that plays a worker's file system on the local AWS."""

from pathlib import Path

import pytest

from assets.go_program import TASK_S3, BuildError, GoProgram
from local_aws import worker_root
from local_aws.errors import LocalAwsError

CLIENT = worker_root.CLIENT_DIRECTORY / "aws"


def test_tasks_get_the_client_of_real_workers(tmp_path: Path) -> None:
    root = worker_root.prepare(tmp_path / "root")
    wanted = TASK_S3.here()
    assert (root / CLIENT).read_bytes() == wanted.read_bytes()
    assert (root / CLIENT).stat().st_mode & 0o777 == 0o755


def test_a_second_preparation_leaves_the_client_alone(tmp_path: Path) -> None:
    client = worker_root.prepare(tmp_path / "root") / CLIENT
    before = client.stat().st_ino
    worker_root.prepare(tmp_path / "root")
    assert client.stat().st_ino == before


def test_another_client_is_replaced(tmp_path: Path) -> None:
    client = worker_root.prepare(tmp_path / "root") / CLIENT
    client.write_text("old")
    worker_root.prepare(tmp_path / "root")
    assert client.read_bytes() != b"old"


def test_without_a_client_the_reason_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise BuildError("go is missing")

    monkeypatch.setattr(GoProgram, "built", fail)
    with pytest.raises(LocalAwsError, match=r"^There is no S3 client for tasks: go is missing$"):
        worker_root.prepare(tmp_path)
