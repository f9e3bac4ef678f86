"""Local copies of the files of parameters and configuration that the arguments name in S3.

Nextflow reads configuration only from local files, and both only in UTF-8.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from nextflow_head import options, text
from nextflow_head.aws import Client
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri

_PARAMS = "-params-file"
_CONFIGURATION = ("-c", "-config")
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
_ENDINGS = (".json", ".yml", ".yaml")


def stage(arguments: Sequence[str], folder: Path, s3: Client) -> list[str]:
    """The arguments, with S3 files of parameters and configuration replaced by local copies.

    Args:
        arguments: The arguments of `nextflow run`.
        folder: Where the copies go.
        s3: The client.

    Raises:
        InputError: One cannot be copied, or Nextflow could not read it.
    """
    count = 0

    def local(option: str, name: str) -> str:
        nonlocal count
        if not S3Uri.is_meant(name.strip()):
            return name
        count += 1
        return str(_copy(option, name.strip(), folder / str(count), s3))

    return replaced(arguments, local)


def inside(arguments: Sequence[str], project: Path) -> list[str]:
    """The arguments, with the paths of files that only the project has.

    On a laptop one starts Nextflow in the project's folder; the head's own folder is empty.

    Args:
        arguments: The arguments of `nextflow run`.
        project: The project's folder.
    """

    def local(_option: str, name: str) -> str:
        return (
            str(project / name)
            # These two take a name that no file can have for that of a missing file.
            if not os.path.exists(name) and os.path.isfile(project / name)  # noqa: PTH110, PTH113
            else name
        )

    return replaced(arguments, local)


def whole(arguments: Sequence[str], folder: Path) -> list[str]:
    """The arguments, with whole paths of these files, as Nextflow names those of `-c`.

    Args:
        arguments: The arguments of `nextflow run`.
        folder: Where Nextflow starts.
    """
    return replaced(arguments, lambda _option, name: str(folder / name) if name else name)


def replaced(arguments: Sequence[str], local: Callable[[str, str], str]) -> list[str]:
    """The arguments, with each file of parameters or configuration replaced by another.

    Args:
        arguments: The arguments of `nextflow run`.
        local: Gives the other, from the option and the file's name.
    """
    words = list(arguments)
    for option in options.read(arguments).find(_PARAMS, *_CONFIGURATION):
        if option.value is None or option.value.at is None:
            continue
        value = option.value.text
        # https://github.com/nextflow-io/nextflow/pull/5757
        names = [value] if option.name == _PARAMS else value.split(",")
        others = [local(option.name, name) for name in names]
        if others != names:
            words[option.value.at] = ",".join(others)
    return words


def _copy(option: str, uri: str, folder: Path, s3: Client) -> Path:
    try:
        source = S3Uri.parse(uri)
    except ValueError:
        source = None
    if source is None or not source.key:
        raise InputError(f"{option} {uri!r} is not allowed: it must be s3://BUCKET/FILE")
    ending = PurePosixPath(source.name).suffix.lower()
    kind = "params" if option == _PARAMS else "configuration"
    if kind == "params" and ending not in _ENDINGS:
        raise InputError(
            f"{option} {source} is not allowed: its name must end in {', '.join(_ENDINGS[:-1])} or"
            f" {_ENDINGS[-1]}"
        )
    found = text.read(source, f"{option} {source}", f"the {kind} file {source}", s3)
    if kind == "params":
        _check(found.content, ending, source)
    folder.mkdir(parents=True)
    target = folder / _name(source, ending if kind == "params" else "", kind)
    target.write_bytes(found.content.encode())
    changed = found.changed.timestamp()
    os.utime(target, (changed, changed))
    return target


def _name(source: S3Uri, ending: str, instead: str) -> str:
    """A name for the copy that any folder can hold.

    Nextflow tells JSON from YAML by the name, and prints it where the content is wrong.
    """
    stem = source.name[: -len(ending)] if ending else source.name
    # A name has at most 255 bytes.
    short = stem.encode()[:200].decode(errors="ignore")
    return f"{short}{ending}" if short.strip(".") else f"{instead}{ending}"


def _check(content: str, ending: str, source: S3Uri) -> None:
    if not content.strip():
        raise InputError(f"the params file {source} is empty: it must contain names and values")
    if ending == ".json":
        try:
            found = json.loads(content, strict=False)
        except (ValueError, RecursionError):
            # Nextflow's own parser allows more, such as a comma before a brace.
            return
        if not isinstance(found, dict):
            raise InputError(
                f"the params file {source} is not allowed: it must contain a JSON object, such as"
                ' {"input": "s3://my-bucket/samples.csv"}'
            )
