"""An image that is built for the local AWS has a name under which nothing else looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_aws import docker_cli

if TYPE_CHECKING:
    from pathlib import Path

ASSET = "cdkasset-0123"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that writes down what it is asked, and what it should say of an image's id."""
    log = tmp_path / "calls"
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\n[ "$2" = inspect ] && cat {tmp_path}/id && exit\necho "$@" >>{log}\n'
    )
    docker.chmod(0o755)
    (tmp_path / "id").write_text("sha256:one")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("BASE_IMAGE", "base:local")
    monkeypatch.delenv("LOCAL_AWS_IMAGES", raising=False)
    return log


def _tagged(calls: Path) -> str:
    calls.unlink(missing_ok=True)
    assert docker_cli.main(["tag", ASSET, "123456789012.dkr.ecr.us-west-2.amazonaws.com/x:1"]) == 0
    return calls.read_text().split()[1]


def test_a_deploy_to_aws_does_not_find_it(calls: Path, tmp_path: Path) -> None:
    """The cdk command line pushes an image `cdkasset-HASH` that the engine has already."""
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    docker_cli.main(["build", "--tag", ASSET, str(tmp_path)])

    words = calls.read_text().split()
    name = words[words.index("--tag") + 1]
    assert name.startswith("local-aws-")
    assert name.endswith(f"-{ASSET}")
    assert name == _tagged(calls)


def test_another_base_is_another_image(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _tagged(calls)
    monkeypatch.setenv("BASE_IMAGE", "base:other")

    assert _tagged(calls) != first


def test_a_base_that_was_made_anew_is_another_image(calls: Path) -> None:
    first = _tagged(calls)
    (calls.parent / "id").write_text("sha256:two")

    assert _tagged(calls) != first


def test_two_local_aws_do_not_push_over_each_other(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both deploy the same sources, with other build arguments, onto one engine."""
    posted: list[dict[str, object]] = []
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setattr(
        docker_cli, "_post", lambda _path, content, _headers: posted.append(content)
    )
    pushed = "123456789012.dkr.ecr.us-west-2.amazonaws.com/x:1"
    tagged = []
    for base in ("base:one", "base:two"):
        monkeypatch.setenv("BASE_IMAGE", base)
        calls.unlink(missing_ok=True)
        assert docker_cli.main(["tag", ASSET, pushed]) == 0
        tagged.append(calls.read_text().split()[2])
        assert docker_cli.main(["push", pushed]) == 0

    noted = [content for content in posted if "image" in content]
    assert tagged[0] != tagged[1]
    assert [content["image"] for content in noted] == tagged
    assert {content["name"] for content in noted} == {pushed}
