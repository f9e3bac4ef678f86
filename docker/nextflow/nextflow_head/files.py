"""Files in S3 that the arguments name, brought here: Nextflow reads some of them only locally."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from nextflow_head.aws import Client, refusing
from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

_OPTIONS = frozenset(["-params-file", "-c", "-config", "-C"])


def stage(arguments: Sequence[str], folder: Path, s3: Client) -> list[str]:
    """The arguments, with S3 files of parameters and configuration replaced by local copies.

    Args:
        arguments: The arguments of `nextflow run`.
        folder: Where the copies go.
        s3: The client.

    Raises:
        Refusal: One cannot be had.
    """
    staged: list[str] = []
    option = ""
    for argument in arguments:
        if option in _OPTIONS and argument.startswith("s3://"):
            staged.append(str(_copy(option, argument, folder / str(len(staged)), s3)))
        else:
            staged.append(argument)
        option = argument
    return staged


def _copy(option: str, uri: str, folder: Path, s3: Client) -> Path:
    try:
        source = Location.parse(uri)
    except ValueError:
        source = None
    if source is None or not source.key:
        raise Refusal(f"{option} {uri!r} is refused: it must be s3://BUCKET/FILE")
    with refusing(f"{option} {source} cannot be read", str(source)):
        answer = s3.get_object(Bucket=source.bucket, Key=source.key)
        content = answer["Body"].read()
    folder.mkdir(parents=True)
    # Nextflow tells JSON from YAML by the name.
    target = folder / PurePosixPath(source.key).name
    target.write_bytes(content)
    changed = answer["LastModified"].timestamp()
    os.utime(target, (changed, changed))
    return target
