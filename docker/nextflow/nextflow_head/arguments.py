"""The arguments of `nextflow run`: their file, the project that they name, their errors."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from nextflow_head import options, text
from nextflow_head.aws import Client
from nextflow_head.input_error import InputError
from nextflow_head.options import CommandLine
from nextflow_head.s3_uri import S3Uri

#: What to do instead of an option of `nextflow` itself.
_INSTEAD = {
    "-C": "it would replace the deployment's configuration; pass yours with -c",
    "-D": "set the variable NXF_JVM_ARGS, such as NXF_JVM_ARGS=-Dname=value",
    "-debug": "set the variable NXF_DEBUG, such as NXF_DEBUG=1",
    "-trace": "set the variable NXF_TRACE, such as NXF_TRACE=nextflow",
    "-log": "leave it out: the log is kept below NF_LOGSDIR",
    "-v": "leave it out: run.json names the version",
    "-version": "leave it out: run.json names the version",
}
_BY_JOB = (
    "name the Batch job that ran it, by the variable NF_RESUME, such as"
    " NF_RESUME=0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
)
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|z)?sh")
# How Nextflow names runs.
_RUN_NAME = re.compile(r"[a-z]+_[a-z]+")
_RUN_OF_JOB = re.compile(r"run-(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-a\d+)?")


def from_file(source: S3Uri, s3: Client) -> list[str]:
    """The arguments in a file in S3.

    Batch takes 8,192 characters of overrides for a container.

    Args:
        source: A JSON list of strings (NF_ARGUMENTS).
        s3: The client.

    Raises:
        InputError: The file does not exist, or has another form.
    """
    setting = f"NF_ARGUMENTS={source}"
    content = text.read(source, setting, setting, s3).content
    try:
        words = json.loads(content)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(
            f"{setting} is not allowed: it must contain a JSON list of strings, such as"
            ' ["hello", "-r", "v1.1"]'
        )
    for word in words:
        # Linux passes arguments as bytes that end in a NUL; JSON can name half a character.
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise InputError(
                f"{setting} is not allowed: {word!r} contains a character that no argument can have"
            )
    return words


def project(arguments: Sequence[str]) -> int | None:
    """Which of the arguments names the project; None if only help is asked for.

    Raises:
        InputError: None does, or `nextflow run` does not accept them.
    """
    line = options.read(arguments)
    _check_options(line, arguments)
    if line.find("-h", "-help"):
        return None
    if named := line.find("-stdin"):
        raise InputError(
            f"{arguments[named[0].at]} is not allowed: a Batch job has no standard input; put the"
            " script into S3 as FOLDER/main.nf and name s3://BUCKET/FOLDER"
        )
    if not line.words:
        raise InputError(
            "no project is named: the job's command must be the arguments of `nextflow run`,"
            " such as hello, or nf-core/rnaseq -r 3.24.0 --outdir s3://my-bucket/results"
        )
    first = line.words[0]
    if first.at is None:
        raise InputError(
            f"Nextflow would run {first.text!r} as the project because an option follows -stub: put"
            " the project before -stub"
        )
    _check_project(line, first.at, arguments)
    return first.at


def notes(arguments: Sequence[str]) -> list[str]:
    """Words that Nextflow probably reads otherwise than the user meant, a line each."""
    line = options.read(arguments)
    found = [
        f"the argument {word.text!r} does not belong to an option: Nextflow passes it to the script"
        " in `args`, which few scripts read"
        for word in line.words[1:]
        if word.at is not None
    ]
    for option in line.find("--"):
        name = arguments[option.at].partition("=")[0]
        if len(name.split()) > 1:
            words = json.dumps(name.split(maxsplit=1), ensure_ascii=False)
            found.append(
                f"Nextflow reads {arguments[option.at]!r} as the name of a parameter; name and"
                f" value are two arguments, such as {words}"
            )
    return found


def resuming(arguments: Sequence[str], session: str) -> list[str]:
    """The arguments with `-resume` and this session's id.

    Without an id Nextflow looks for the last run in a file, which the container before had.

    Args:
        arguments: The user's; a `-resume` in them gets the id, otherwise one is put first.
        session: The id of the session that this run is in.

    Raises:
        InputError: They name another session.
    """
    named = options.read(arguments).find("-resume")
    if not named or named[0].value is None:
        return ["-resume", session, *arguments]
    after, value = named[0].at + 1, named[0].value
    if value.at is None:
        return [*arguments[:after], session, *arguments[after:]]
    if value.text not in ("last", session):
        raise _no_session(value.text)
    return [*arguments[: value.at], session, *arguments[value.at + 1 :]]


def _no_session(name: str) -> InputError:
    found = _RUN_OF_JOB.fullmatch(name)
    instead = f"set the variable NF_RESUME={found['job']}" if found else _BY_JOB
    return InputError(f"-resume {name} is not allowed: {instead}")


def _check_options(line: CommandLine, arguments: Sequence[str]) -> None:
    if line.find("-bg"):
        raise InputError(
            "-bg is not allowed: the container, and Nextflow with it, would end when the head ends"
        )
    for option in line.options:
        if option.name in options.LAUNCHERS:
            instead = _INSTEAD.get(option.name, "leave it out")
            raise InputError(
                f"{arguments[option.at]} is not allowed: it is an option of `nextflow`, not of"
                f" `nextflow run`; {instead}"
            )
        first, *more = option.name.split() or [""]
        if more and first in options.FLAGS | options.VALUED:
            raise InputError(
                f"{arguments[option.at]!r} is not allowed: an option and its value are two"
                f" arguments of the command, such as {_split(arguments, option.at, option.name)}"
            )


def _check_project(line: CommandLine, at: int, arguments: Sequence[str]) -> None:
    name = line.words[0].text
    if name in ("nextflow", "run"):
        surplus = {at}
        if name == "nextflow" and len(line.words) > 1 and line.words[1].text == "run":
            surplus.add(line.words[1].at or 0)
        rest = [word for index, word in enumerate(arguments) if index not in surplus]
        raise InputError(
            f"{' '.join(arguments[index] for index in sorted(surplus))!r} is not allowed: the job's"
            " command is what follows `nextflow run`, such as"
            f" {_shown(rest or ['hello'])}"
        )
    if _SHELL.fullmatch(name):
        raise InputError(
            f"{name!r} is not allowed: no shell reads the job's command, which is what follows"
            ' `nextflow run`, such as ["hello", "-r", "master"]'
        )
    if len(name.split()) > 1 and not S3Uri.is_meant(name):
        raise InputError(
            f"the project {name!r} is not allowed: it is one argument with spaces; the command"
            f" must be a list of arguments, such as {_split(arguments, at, name)}"
        )
    if "," in name and ":" not in name:
        raise InputError(
            f"the project {name!r} is not allowed: it is one argument with commas; the command"
            f" must be a list of arguments, such as {_split(arguments, at, name.replace(',', ' '))}"
        )
    named = line.find("-resume")
    if named and named[0].at == at - 1 and len(line.words) > 1 and _RUN_NAME.fullmatch(name):
        raise _no_session(name)


def _split(arguments: Sequence[str], at: int, word: str) -> str:
    try:
        parts = shlex.split(word)
    except ValueError:
        parts = word.split()
    rest = [*arguments[:at], *parts, *arguments[at + 1 :]]
    return _shown(rest)


def _shown(words: Sequence[str]) -> str:
    while words and words[0] in ("nextflow", "run") and len(words) > 1:
        words = words[1:]
    return json.dumps(list(words), ensure_ascii=False)
