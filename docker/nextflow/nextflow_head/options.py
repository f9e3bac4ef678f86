"""The options of `nextflow run`, read as Nextflow's own launcher reads them.

It first completes options whose value may be left out, and joins parameters with their values
(`normalizeArgs`); JCommander 1.35 then reads what came of it by the options' annotations:
https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/Launcher.groovy
https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/cli/CmdRun.groovy
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


#: Without a value.
FLAGS = _names(
    "-E -ansi -bg -disable-jobs-cancellation -h -help -latest -offline -preview -stdin -stub",
    "-stub-run -with-mpi -without-conda -without-docker -without-spack",
)
# With a value, which becomes this where an option, or nothing, follows.
_COMPLETED = {
    "-dump-channels": "*",
    "-test": "%all",
    **dict.fromkeys(_names("-N -ansi-log -with-fusion -with-notification"), "true"),
    **dict.fromkeys(
        _names(
            "-dump-hashes -with-apptainer -with-charliecloud -with-cloudcache -with-conda",
            "-with-dag -with-docker -with-podman -with-report -with-singularity",
            "-with-spack -with-timeline -with-tower -with-trace -with-wave -with-weblog",
        ),
        "-",
    ),
}
#: With a value, which may begin with a dash.
VALUED = _COMPLETED.keys() | _names(
    "-bucket-dir -c -cache -config -d -deep -entry -hub -lib -main-script -name -o -output-dir",
    "-output-format -params-file -pi -plugins -poll-interval -pool-size -profile -ps -qs",
    "-queue-size -r -resume -revision -user -w -without-podman -work-dir",
)
# These get a value too, which they do not take: it becomes a word of its own.
_OVERCOMPLETED = dict.fromkeys(_names("-stub -stub-run"), "true")
#: What NAME=VALUE is written to directly.
DYNAMIC = ("--", "-process.", "-e.", "-executor.", "-cluster.")
#: Options of `nextflow` itself, which stand before `run`.
LAUNCHERS = _names(
    "-C -D -config-ignore-includes -debug -log -q -quiet -remote-debug -self-update -syslog -trace",
    "-v -version",
)
# Java's dot excludes these.
_DOT = r"[^\n\r\x85\u2028\u2029]"
_JOINED = re.compile(rf"--[a-zA-Z\d]{_DOT}*|-(?:process|cluster|executor)\.{_DOT}+", re.ASCII)
_SESSION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


# Java takes these for blanks.
_BLANKS = "".join(map(chr, range(33)))


@dataclass(frozen=True)
class Word:
    """A word that stands for itself, or for an option's value.

    Attributes:
        text: As Nextflow takes it, without blanks and quotes around it.
        at: Which of the arguments it is; None if Nextflow puts it in.
    """

    text: str
    at: int | None


@dataclass(frozen=True)
class Option:
    """An option that is named.

    Attributes:
        name: Such as `-c`; of a dynamic one its beginning, such as `--`.
        at: Which of the arguments it is.
        value: None if it has none.
    """

    name: str
    at: int
    value: Word | None


@dataclass(frozen=True)
class CommandLine:
    """What the arguments of `nextflow run` name.

    Attributes:
        options: In their order.
        words: What is neither an option nor a value; the first is the project.
    """

    options: tuple[Option, ...]
    words: tuple[Word, ...]

    def find(self, *names: str) -> list[Option]:
        """The options of these names."""
        return [option for option in self.options if option.name in names]


_LAST = Word("last", None)


def read(arguments: Sequence[str]) -> CommandLine:
    """Reads the arguments of `nextflow run`.

    It refuses nothing: an option that it does not know has a value, unless another option follows,
    as a newer Nextflow may have it.

    Args:
        arguments: As they come to the head.
    """
    texts = [
        Word(part, word.at) for word in _normalized(arguments) for part in _expanded(word.text)
    ]
    options: list[Option] = []
    words: list[Word] = []
    index = 0
    while index < len(texts):
        text, at = texts[index].text.strip(_BLANKS), texts[index].at
        index += 1
        following = texts[index].text if index < len(texts) else None
        if at is None or not text.startswith("-"):
            words += [_bare(texts[index - 1])] if texts[index - 1].text else []
            continue
        known = text in VALUED or text in DYNAMIC
        guessed = text not in FLAGS and following is not None and not following.startswith("-")
        value = None
        if known or guessed:
            # JCommander skips a `--` before a value, and reads the value again as a word.
            place = index + (following == "--")
            value = _bare(texts[place]) if place < len(texts) else None
            index += 1
        options.append(Option(text, at, value))
    return CommandLine(tuple(options), tuple(words))


def _bare(word: Word) -> Word:
    text = word.text.strip(_BLANKS)
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return Word(text[1:-1] if quoted else text, word.at)


def _normalized(arguments: Sequence[str]) -> list[Word]:
    """The arguments as `normalizeArgs` leaves them."""
    completed = _COMPLETED | _OVERCOMPLETED
    words: list[Word] = []
    index = 0
    while index < len(arguments):
        at, current = index, arguments[index]
        index += 1
        following = arguments[index] if index < len(arguments) else None
        if _JOINED.fullmatch(current) and "=" not in current:
            has_value = following is not None and _is_value(following)
            words.append(Word(f"{current}={following if has_value else 'true'}", at))
            index += has_value
        elif current == "-resume":
            has_value = following is not None and _is_session(following)
            words += [Word(current, at), Word(following or "", index) if has_value else _LAST]
            index += has_value
        elif current in completed and (following is None or following.startswith("-")):
            words += [Word(current, at), Word(completed[current], None)]
        elif current == "run" and following == "-":
            words += [Word(current, at), Word("-stdin", index)]
            index += 1
        else:
            # `nextflow run -` reads the script from standard input.
            words.append(Word("-stdin" if current == "-" and at == 0 else current, at))
    return words


def _is_session(text: str) -> bool:
    return text == "last" or (not text.startswith("-") and _SESSION.search(text) is not None)


def _is_value(text: str) -> bool:
    if len(text) <= 1:
        return bool(text)
    return not text.startswith("-") or " " in text or bool(_NUMBER.fullmatch(text.strip()))


def _expanded(text: str) -> list[str]:
    """`--a=b` is an option `--` and its value `a=b`."""
    for name in ("-D", *DYNAMIC):
        if text.startswith(name) and text != name:
            return [name, text[len(name) :]]
    return [text]
