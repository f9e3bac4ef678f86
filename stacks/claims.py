"""What a settings file claims in its account and region, where no other file may have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nextflow_batch.problem import Problem, quote
from stacks import settings_file, yaml_document
from stacks.settings_error import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stacks.settings import Settings

#: Neither quota can be raised.
#: https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
MOST_QUEUES = 50
MOST_ENVIRONMENTS = 50


class _Claim(NamedTuple):
    kind: str
    name: str


def check(directory: Path, name: str, settings: Settings) -> None:
    """Refuse what another settings file claims too.

    A file that is not valid claims nothing: it cannot be deployed.

    Args:
        directory: Where the settings files lie.
        name: The file's name without its ending.
        settings: What is in it.

    Raises:
        SettingsError: A line for each name that two files claim, and for each quota that all files
            together exceed.
    """
    others = dict(_others(directory, name))
    found = [
        problem
        for file, other in others.items()
        for problem in _between(settings, other, f"{directory.name}/{file}.yaml")
    ]
    found += _excess(name, settings, others)
    if not found:
        return
    document = yaml_document.load((directory / f"{name}.yaml").read_bytes())
    raise SettingsError(
        "\n".join(
            f"{directory.name}/{name}.yaml:{document.line(problem.path)}: {problem.key}:"
            f" {problem.text}"
            for problem in found
        )
    )


def _others(directory: Path, name: str) -> Iterator[tuple[str, Settings]]:
    for file in sorted(directory.glob("*.yaml")):
        if file.stem == name:
            continue
        try:
            yield file.stem, settings_file.read(directory, file.stem)
        except SettingsError:
            continue


def _is_same_place(one: Settings, other: Settings) -> bool:
    """Whether both may be in the same account and region; a file without account may be in any."""
    accounts = {one.account, other.account} - {None}
    return one.region == other.region and len(accounts) < 2  # noqa: PLR2004 - two accounts


def _claims(settings: Settings) -> dict[_Claim, tuple[str, ...]]:
    """Where each claim stands in the file."""
    # As within one file, queues must differ by more than case.
    queues = {
        _Claim("queue", name.lower()): ("queues", key)
        for name, key in zip(settings.named_queues, settings.queues, strict=True)
    }
    definition = _Claim("job definition", settings.named_head.job_definition)
    claims = {
        _Claim("deployment", settings.deployment): ("deployment",),
        definition: ("head", "job_definition"),
        **queues,
    }
    if settings.storage.bucket:
        claims[_Claim("bucket", settings.storage.bucket)] = ("storage", "bucket")
    return claims


def _between(settings: Settings, other: Settings, file: str) -> Iterator[Problem]:
    theirs = _claims(other)
    for claim, path in _claims(settings).items():
        # A bucket's name is known to all of AWS.
        is_near = claim.kind == "bucket" or _is_same_place(settings, other)
        if claim in theirs and is_near:
            text = (
                f"the {claim.kind} {quote(claim.name)} is not allowed: {file} has it too; choose"
                " another name in one of them, or remove the one that you do not deploy"
            )
            yield Problem(path, text)
    if not (settings.storage.bucket and other.storage.bucket):
        yield from _overlaps(settings, other, file)
    scans = settings.registries.scan_on_push and other.registries.scan_on_push
    if scans and _is_same_place(settings, other):
        text = (
            f"true is not allowed: {file} sets it too, and ECR has one scanning configuration for"
            " an account and region; remove it from one of them"
        )
        yield Problem(("registries", "scan_on_push"), text)


def _overlaps(settings: Settings, other: Settings, file: str) -> Iterator[Problem]:
    """Where one deployment could write what only the other may; folders of stores can be shared."""
    (own, *stores), (their_own, *their_stores) = map(_folders, (settings, other))
    pairs = [(own, their_own), *((own, store) for store in their_stores)]
    pairs += [(store, their_own) for store in stores]
    for (mine, path), (theirs, _) in pairs:
        if f"{mine}/".startswith(f"{theirs}/") or f"{theirs}/".startswith(f"{mine}/"):
            text = (
                f"{quote(mine)} is not allowed: it overlaps with {quote(theirs)} of {file}; choose"
                " another prefix in one of them"
            )
            yield Problem(path, text)


def _folders(settings: Settings) -> list[tuple[str, tuple[str | int, ...]]]:
    """What a deployment writes, its own prefix first, and where that stands in the file."""
    storage = settings.storage
    # A bucket whose name CloudFormation generates is no other deployment's.
    bucket = storage.bucket or storage.existing_bucket or f"{settings.deployment}:"
    stores = enumerate(storage.store_dirs)
    return [
        (f"s3://{bucket}/{storage.prefix}", ("storage", "prefix")),
        *((f"s3://{bucket}/{name}", ("storage", "store_dirs", place)) for place, name in stores),
    ]


def _excess(name: str, settings: Settings, others: dict[str, Settings]) -> Iterator[Problem]:
    near = {file: other for file, other in others.items() if _is_same_place(settings, other)}
    for key, most in (("queues", MOST_QUEUES), ("compute_environments", MOST_ENVIRONMENTS)):
        counts = {file: len(getattr(each, key)) for file, each in {name: settings, **near}.items()}
        if (total := sum(counts.values())) > most:
            listed = ", ".join(f"{file} {count}" for file, count in counts.items())
            text = (
                f"{total} are not allowed: an account may have {most} in a region, and the settings"
                f" files have {listed}"
            )
            yield Problem((key,), text)
