"""Nextflow's command line, read as far as a rehearsal has to change it."""

import re
from dataclasses import dataclass, field

from .speech import Refused

# https://www.nextflow.io/docs/latest/reference/cli.html; all other options take a value.
_FLAGS = re.compile(
    r"-(h|v|version|q|quiet|bg|self-update|debug|ansi|latest|stdin|E|offline|preview"
    r"|stub|stub-run|without-.*|disable-jobs-cancellation)"
)
_VALUE_OPTIONAL = re.compile(r"-(resume|with-.*|N|dump-.*|ansi-log|test|syslog)|--.*")
_HELLO = frozenset(["hello", "nextflow-io/hello", "https://github.com/nextflow-io/hello"])


@dataclass(frozen=True)
class Option:
    """One option with a dash or two, and its value if it has one."""

    name: str
    value: str | None = None

    def words(self) -> list[str]:
        """The option as words of a command line."""
        return [self.name] if self.value is None else [self.name, self.value]


@dataclass(frozen=True)
class CommandLine:
    """`nextflow GLOBAL... COMMAND OPTIONS... POSITIONAL...`.

    Attributes:
        options: Those before the command.
        command: `run`, `config`, ... or empty (`nextflow -v`).
        command_options: Those after it, the pipeline's own `--parameters` among them.
        positional: Words without a dash after the command; the first of `run` is the pipeline.
    """

    options: list[Option] = field(default_factory=list)
    command: str = ""
    command_options: list[Option] = field(default_factory=list)
    positional: list[str] = field(default_factory=list)

    def value(self, *names: str) -> str | None:
        """The last value given for an option under any of its names."""
        found = [o.value for o in [*self.options, *self.command_options] if o.name in names]
        return found[-1] if found else None

    def configs(self) -> list[Option]:
        """The configuration files, in the order in which Nextflow merges them."""
        return [o for o in [*self.options, *self.command_options] if o.name in {"-c", "-config"}]

    def only_configs(self) -> list[Option]:
        """The `-C` files, which replace all other configuration."""
        return [o for o in self.options if o.name == "-C"]

    def require_hello(self) -> None:
        """Refuses every pipeline but `hello`.

        Raises:
            Refused: The pipeline is another one, or none is named.
        """
        pipeline = self.positional[0] if self.positional else ""
        if pipeline not in _HELLO:
            raise Refused(
                f"{pipeline!r} cannot run on this local AWS: without Nextflow's plugin for AWS"
                " Batch, which could not be downloaded, only `hello` runs. With internet access and"
                " a Docker engine, `make local-aws` runs any pipeline"
            )


def parse(arguments: list[str]) -> CommandLine:
    """Splits the arguments of `nextflow` as Nextflow itself does.

    Args:
        arguments: What follows the program's name.
    """
    options: list[Option] = []
    command_options: list[Option] = []
    positional: list[str] = []
    command = ""
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            if command:
                positional.append(word)
            else:
                command = word
            continue
        option = Option(word, _value(word, words))
        (command_options if command else options).append(option)
    return CommandLine(options, command, command_options, positional)


def _value(name: str, rest: list[str]) -> str | None:
    """Takes an option's value off the words that follow it, if it has one."""
    if _FLAGS.fullmatch(name) or "=" in name or not rest:
        return None
    dashed = rest[0].startswith("-") and len(rest[0]) > 1
    if _VALUE_OPTIONAL.fullmatch(name) and dashed:
        return None
    if name == "-resume" and not _is_session(rest[0]):
        return None
    return rest.pop(0)


def _is_session(word: str) -> bool:
    """Whether a word after `-resume` is its value, not the pipeline's name."""
    return word == "last" or word.count("-") == 4  # noqa: PLR2004 - a UUID's dashes
