"""Base images made without a registry."""

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from local_aws import certificates, images
from local_aws.network import engine_answers

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def made() -> images.Images:
    if not engine_answers():
        pytest.skip("no Docker engine answers")
    try:
        return images.ensure()
    except images.ImagesUnavailable as reason:
        pytest.skip(str(reason))


def docker_run(image: str, *command: str) -> str:
    run = ["docker", "run", "--rm", "--network", "none", image, *command]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


@pytest.mark.docker
def test_a_second_call_finds_the_images(made: images.Images) -> None:
    messages: list[str] = []
    started = time.monotonic()
    assert images.ensure(messages.append) == made
    assert time.monotonic() - started < 3
    assert messages == []


@pytest.mark.docker
def test_the_base_trusts_whom_this_machine_trusts(made: images.Images) -> None:
    trusted = docker_run(made.base, "cat", "/etc/ssl/certs/ca-certificates.crt")
    for pem in certificates.extra():
        assert pem.strip() in trusted
    assert trusted.count("BEGIN CERTIFICATE") > 100


@pytest.mark.docker
def test_the_tasks_image_has_what_nextflow_asks_for(made: images.Images) -> None:
    command = ["bash", "-c", "ps -e -o pid= -o ppid= && date +%s%3N && command -v tee"]
    assert docker_run(made.task, *command).endswith("/tee\n")


@pytest.mark.docker
def test_a_distribution_is_put_into_the_base_once(made: images.Images, tmp_path: Path) -> None:
    archive = tmp_path / "nextflow.tar.gz"
    archive.write_bytes(b"not really one")
    arguments = images.with_distribution(made.base, archive)
    tag = arguments["FETCH_IMAGE"]
    try:
        first = images._image_id(tag)
        images.with_distribution(made.base, archive)
        assert images._image_id(tag) == first
        path = arguments["NEXTFLOW_DISTRIBUTION"].removeprefix("file://")
        assert docker_run(tag, "cat", path) == "not really one"
        assert arguments["NEXTFLOW_SHA256"] == hashlib.sha256(b"not really one").hexdigest()
        assert arguments["BASE_IMAGE"] == made.base
    finally:
        subprocess.run(["docker", "rmi", tag], check=False)


@pytest.mark.docker
def test_another_distribution_leaves_the_first_as_it_is(
    made: images.Images, tmp_path: Path
) -> None:
    tags = []
    try:
        for content in (b"one", b"two"):
            (tmp_path / "nextflow.tar.gz").write_bytes(content)
            arguments = images.with_distribution(made.base, tmp_path / "nextflow.tar.gz")
            tags.append(arguments["FETCH_IMAGE"])
        path = arguments["NEXTFLOW_DISTRIBUTION"].removeprefix("file://")
        assert [docker_run(tag, "cat", path) for tag in tags] == ["one", "two"]
    finally:
        subprocess.run(["docker", "rmi", *tags], check=False)


def test_extra_certificates_are_those_that_are_not_usual(tmp_path: Path) -> None:
    usual, own = PEM.format("AAAA"), PEM.format("BBBB")
    (tmp_path / "usual.crt").write_text(f"# a comment\n{usual}")
    # The same certificate may be wrapped elsewhere.
    (tmp_path / "bundle.crt").write_text(PEM.format("AA\nAA") + own + own)
    found = certificates.beyond(tmp_path / "bundle.crt", [tmp_path / "usual.crt"])
    assert found == [own]


def without_images(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    real = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name: None if name in missing else real(name) or f"/bin/{name}"
    )
    monkeypatch.setattr(images, "_image_id", lambda _: "")
    monkeypatch.setattr(images, "_label", lambda _: "")
    monkeypatch.setattr(images, "_pull", lambda _: False)


def test_no_docker_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    without_images(monkeypatch, "docker")
    with pytest.raises(
        images.ImagesUnavailable, match=r"the `docker` command is missing: install Docker's CLI\.$"
    ):
        images.ensure()


def test_no_debootstrap_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    without_images(monkeypatch, "debootstrap")
    with pytest.raises(images.ImagesUnavailable, match="needs `debootstrap`: install it, or"):
        images.ensure()


def test_a_user_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    without_images(monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(images.ImagesUnavailable, match="needs root: run this as root, or"):
        images.ensure()


def test_a_registry_that_does_not_answer_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "docker"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(images, "_ANSWER_SECONDS", 0.2)
    started = time.monotonic()
    assert images._pull("example/image") is False
    assert time.monotonic() - started < 5
