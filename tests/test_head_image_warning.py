"""Whoever deploys learns that the head image is not locked, and is offered to lock it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match

from stacks import head_image, paths, settings_file
from stacks.deployment import declare
from testbed.synthesized import CONTEXT

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "d" * 64
UNLOCKED = """\
ARG BASE_IMAGE=debian:trixie-slim
ARG NEXTFLOW_SHA256=""
ARG NEXTFLOW_PLUGINS="nf-amazon@3.9.2 nf-schema@2.5.1"
FROM ${BASE_IMAGE}
ARG NEXTFLOW_SHA256
"""
LOCKED = f"""\
ARG BASE_IMAGE=debian:trixie-slim@sha256:{DIGEST}
ARG NEXTFLOW_SHA256={DIGEST}
ARG NEXTFLOW_PLUGINS="nf-amazon@3.9.2={DIGEST} nf-schema@2.5.1={DIGEST}"
FROM ${{BASE_IMAGE}}
ARG NEXTFLOW_SHA256
"""


@pytest.fixture
def dockerfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Dockerfile that is not locked, in place of the project's."""
    file = tmp_path / "Dockerfile"
    file.write_text(UNLOCKED)
    monkeypatch.setattr(head_image, "_DOCKERFILE", file)
    return file


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (UNLOCKED, "its base image, Nextflow, nf-amazon, nf-schema"),
        (LOCKED.replace(f"@sha256:{DIGEST}", ""), "its base image"),
        (LOCKED.replace(f"NEXTFLOW_SHA256={DIGEST}", 'NEXTFLOW_SHA256=""'), "Nextflow"),
        (LOCKED.replace(f"nf-schema@2.5.1={DIGEST}", "nf-schema@2.5.1"), "nf-schema"),
        (LOCKED, None),
    ],
    ids=["nothing is locked", "base", "Nextflow", "a plugin", "all is locked"],
)
def test_what_has_no_checksum_is_named_with_the_command(text: str, missing: str | None) -> None:
    expected = missing and (
        f"the head image is not locked: docker/nextflow/Dockerfile has no checksum of {missing};"
        " run `make lock-image` and commit the change"
    )
    assert head_image.warning(text) == expected


def test_the_projects_dockerfile_has_the_arguments_that_are_looked_for() -> None:
    text = (paths.HEAD_IMAGE / "Dockerfile").read_text()
    without = re.sub(r"@sha256:[0-9a-f]{64}|=[0-9a-f]{64}\b", "", text)
    warning = head_image.warning(re.sub(r"^(ARG NEXTFLOW_SHA256).*", r'\1=""', without, flags=re.M))
    assert warning is not None
    assert "of its base image, Nextflow, nf-amazon, nf-cloudcache, nf-tower, nf-schema" in warning


@pytest.mark.parametrize(("text", "count"), [(UNLOCKED, 1), (LOCKED, 0)])
def test_a_synth_warns_once_until_the_image_is_locked(
    dockerfile: Path, text: str, count: int
) -> None:
    dockerfile.write_text(text)
    app = App(context=CONTEXT)
    declare(app, settings_file.read(paths.SETTINGS, "workshop"))
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    line = Match.string_like_regexp("the head image is not locked: .*`make lock-image`")
    found = [Annotations.from_stack(stack).find_warning("*", line) for stack in stacks]
    assert sum(map(len, found)) == count


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stand-in for make writes the target that it is asked for; it fails with status 3."""
    found = tmp_path / "target"
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$@" >"{found}"\nexit 3\n')
    make.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return found


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n", "what\n", ""])
def test_at_a_terminal_nothing_is_locked_unless_the_answer_is_yes(
    dockerfile: Path,
    locked: Path,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    assert head_image.main() == 0
    question = "The head image is not locked. Run `make lock-image` first? [y/N] "
    assert capsys.readouterr().out == question
    assert not locked.exists()


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_yes_locks_the_image_and_a_failure_ends_the_deployment(
    dockerfile: Path, locked: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    assert head_image.main() == 3
    assert locked.read_text() == "lock-image\n"


def test_without_a_terminal_the_command_is_one_line_and_the_deployment_goes_on(
    dockerfile: Path,
    locked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert head_image.main() == 0
    line = "The head image is not locked; to pin it by checksum: make lock-image\n"
    assert capsys.readouterr().out == line
    assert not locked.exists()


def test_a_locked_image_is_no_question(
    dockerfile: Path,
    locked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dockerfile.write_text(LOCKED)
    monkeypatch.setattr("sys.stdin", _Terminal("y\n"))
    assert head_image.main() == 0
    assert capsys.readouterr().out == ""
    assert not locked.exists()


def test_make_deploy_offers_the_lock_before_anything_is_deployed() -> None:
    makefile = (paths.ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^deploy:.*\n((?:\t.*\n)+)", makefile, re.M)
    commands = [line.strip() for line in recipe.splitlines() if not line.startswith("\t@#")]
    assert commands[0] == "@python -m stacks.head_image"
    assert commands[1].startswith("@cdk synth ")
    assert commands[2].startswith("@python -m stacks.deploy ")
