"""The arguments of `nextflow run`: where they come from, and what they name."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from nextflow_head.aws import Client, refusing
from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

# Options of `nextflow run` that take no value, so that what follows one may be the project:
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
_FLAGS = frozenset(
    [
        "-E",
        "-ansi",
        "-bg",
        "-disable-jobs-cancellation",
        "-h",
        "-help",
        "-latest",
        "-offline",
        "-preview",
        "-resume",
        "-stdin",
        "-stub",
        "-stub-run",
        "-with-mpi",
        "-without-conda",
        "-without-docker",
        "-without-podman",
        "-without-spack",
    ]
)
_SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def longer(arguments: Sequence[str], source: Location, s3: Client) -> list[str]:
    """The arguments, and those of a file in S3 after them.

    Batch takes 8,192 characters of overrides for a container.

    Args:
        arguments: The container's own.
        source: A JSON list of strings (NF_ARGUMENTS).
        s3: The client.

    Raises:
        Refusal: There is no such file, or it is of another form.
    """
    with refusing(f"NF_ARGUMENTS={source} cannot be read", str(source)):
        text = s3.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
    try:
        more = json.loads(text)
    except ValueError:
        more = None
    if not isinstance(more, list) or not all(isinstance(word, str) for word in more):
        raise Refusal(
            f"NF_ARGUMENTS={source} is refused: it must hold a JSON list of strings, such as"
            ' ["hello", "-r", "v1.1"]'
        )
    return [*arguments, *more]


def project(arguments: Sequence[str]) -> int | None:
    """Which of the arguments names the project; None if it comes by standard input.

    Raises:
        Refusal: None does.
    """
    if "-bg" in arguments:
        raise Refusal("-bg is refused: a container ends, and Nextflow with it, when its head does")
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        if not argument.startswith("-") or argument == "-":
            return index
        following = arguments[index + 1 : index + 2]
        flag = argument in _FLAGS and not (argument == "-resume" and _names_session(following))
        has_value = bool(following) and not following[0].startswith("-")
        index += 2 if not flag and "=" not in argument and has_value else 1
    if "-stdin" in arguments:
        return None
    raise Refusal(
        "no pipeline is named: the container's command must be the arguments of `nextflow run`,"
        " such as hello, or nf-core/rnaseq -r 3.24.0 --outdir s3://my-bucket/results"
    )


def resuming(arguments: Sequence[str], session: str) -> list[str]:
    """The arguments with `-resume` and this session's id.

    Nextflow finds the last run for a `-resume` without an id in a file of the container before,
    which is gone.

    Args:
        arguments: The user's; a `-resume` in them is completed, otherwise one is put first.
        session: The id of the session that this run is in.

    Raises:
        Refusal: They name another session.
    """
    if "-resume" not in arguments:
        return ["-resume", session, *arguments]
    after = arguments.index("-resume") + 1
    named = arguments[after : after + 1]
    if not _names_session(named):
        return [*arguments[:after], session, *arguments[after:]]
    if named[0] != session:
        raise Refusal(
            f"-resume {named[0]} is refused: name the Batch job that ran it, by the variable"
            " NF_RESUME, such as NF_RESUME=0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
        )
    return list(arguments)


def _names_session(following: Sequence[str]) -> bool:
    return bool(following) and _SESSION.fullmatch(following[0]) is not None
