"""The arguments of `nextflow run`: where they come from, what they name, what is wrong."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from nextflow_head import options, text
from nextflow_head.aws import Client
from nextflow_head.location import Location
from nextflow_head.options import CommandLine
from nextflow_head.refusal import Refusal

#: What to do instead of an option of `nextflow` itself.
_INSTEAD = {
    "-C": "it would drop this environment's configuration; give yours with -c",
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
    what = f"NF_ARGUMENTS={source}"
    content = text.read(source, what, what, s3).content
    try:
        more = json.loads(content)
    except (ValueError, RecursionError):
        more = None
    if not isinstance(more, list) or not all(isinstance(word, str) for word in more):
        raise Refusal(
            f"{what} is refused: it must hold a JSON list of strings, such as"
            ' ["hello", "-r", "v1.1"]'
        )
    for word in more:
        # Linux hands arguments on as bytes that end in a NUL; JSON can name half a character.
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise Refusal(f"{what} is refused: {word!r} holds what no argument of a program can")
    return [*arguments, *more]


def project(arguments: Sequence[str]) -> int | None:
    """Which of the arguments names the project; None if only help is asked for.

    Raises:
        Refusal: None does, or their form is not that of `nextflow run`.
    """
    line = options.read(arguments)
    _check_options(line, arguments)
    if line.find("-h", "-help"):
        return None
    if named := line.find("-stdin"):
        raise Refusal(
            f"{arguments[named[0].at]} is refused: a Batch job has no standard input; put the"
            " script into S3 as FOLDER/main.nf and name s3://BUCKET/FOLDER"
        )
    if not line.words:
        raise Refusal(
            "no pipeline is named: the container's command must be the arguments of `nextflow run`,"
            " such as hello, or nf-core/rnaseq -r 3.24.0 --outdir s3://my-bucket/results"
        )
    first = line.words[0]
    if first.at is None:
        raise Refusal(
            f"Nextflow would take {first.text!r} for the project, as an option follows -stub:"
            " put the project before it"
        )
    _check_project(line, first.at, arguments)
    return first.at


def notes(arguments: Sequence[str]) -> list[str]:
    """What Nextflow takes otherwise than was probably meant, in a line each."""
    line = options.read(arguments)
    found = [
        f"the word {word.text!r} belongs to no option: Nextflow hands it to the script as one of"
        " `args`, which few read"
        for word in line.words[1:]
        if word.at is not None
    ]
    for option in line.find("--"):
        name = arguments[option.at].partition("=")[0]
        if len(name.split()) > 1:
            found.append(
                f"the word {arguments[option.at]!r} is all of it a parameter's name; name and value"
                f" are two words, such as {json.dumps(name.split(maxsplit=1), ensure_ascii=False)}"
            )
    return found


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
    named = options.read(arguments).find("-resume")
    if not named or named[0].value is None:
        return ["-resume", session, *arguments]
    after, value = named[0].at + 1, named[0].value
    if value.at is None:
        return [*arguments[:after], session, *arguments[after:]]
    if value.text not in ("last", session):
        raise _no_session(value.text)
    return [*arguments[: value.at], session, *arguments[value.at + 1 :]]


def _no_session(name: str) -> Refusal:
    found = _RUN_OF_JOB.fullmatch(name)
    instead = f"set the variable NF_RESUME={found['job']}" if found else _BY_JOB
    return Refusal(f"-resume {name} is refused: {instead}")


def _check_options(line: CommandLine, arguments: Sequence[str]) -> None:
    if line.find("-bg"):
        raise Refusal("-bg is refused: a container ends, and Nextflow with it, when its head does")
    for option in line.options:
        if option.name in options.LAUNCHERS:
            instead = _INSTEAD.get(option.name, "leave it out")
            raise Refusal(
                f"{arguments[option.at]} is refused: it is an option of `nextflow`, not of"
                f" `nextflow run`; {instead}"
            )
        first, *more = option.name.split() or [""]
        if more and first in options.FLAGS | options.VALUED:
            raise Refusal(
                f"{arguments[option.at]!r} is refused: an option and its value are two words of"
                f" the command, such as {_split(arguments, option.at, option.name)}"
            )


def _check_project(line: CommandLine, at: int, arguments: Sequence[str]) -> None:
    name = line.words[0].text
    if name in ("nextflow", "run"):
        surplus = {at}
        if name == "nextflow" and len(line.words) > 1 and line.words[1].text == "run":
            surplus.add(line.words[1].at or 0)
        rest = [word for index, word in enumerate(arguments) if index not in surplus]
        raise Refusal(
            f"{' '.join(arguments[index] for index in sorted(surplus))!r} is refused: the"
            " container's command is what follows `nextflow run`, such as"
            f" {_shown(rest or ['hello'])}"
        )
    if _SHELL.fullmatch(name):
        raise Refusal(
            f"{name!r} is refused: no shell reads the container's command, which is what follows"
            ' `nextflow run`, such as ["hello", "-r", "master"]'
        )
    if len(name.split()) > 1 and not Location.is_meant(name):
        raise Refusal(
            f"the project {name!r} is refused: it is one word with blanks; the command must be a"
            f" list of words, such as {_split(arguments, at, name)}"
        )
    if "," in name and ":" not in name:
        raise Refusal(
            f"the project {name!r} is refused: it is one word with commas; the command must be a"
            f" list of words, such as {_split(arguments, at, name.replace(',', ' '))}"
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
