"""The arguments of `nextflow run`, as far as they name a revision or a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REVISION = ("-r", "-revision")
CONFIG = ("-c", "-config")
PARAMS_FILE = ("-params-file",)
MAIN_SCRIPT = ("-main-script",)
HUB = ("-hub",)
_VALUED = frozenset((*REVISION, *CONFIG, *PARAMS_FILE, *MAIN_SCRIPT, *HUB))


@dataclass(frozen=True)
class Value:
    """The value of an option.

    Attributes:
        option: Such as `-r`, or `--input` of a parameter.
        at: Which of the arguments it is in.
        text: The value.
    """

    option: str
    at: int
    text: str

    @property
    def is_parameter(self) -> bool:
        """Whether the option is a parameter of the pipeline."""
        return self.option.startswith("--")


def values(arguments: Sequence[str]) -> list[Value]:
    """The values of the options that this program knows, and of parameters.

    Nextflow knows more options; what is none of these is passed on as it is.
    """
    found = []
    index = 0
    while index < len(arguments):
        word = arguments[index]
        following = arguments[index + 1] if index + 1 < len(arguments) else None
        name, equals, value = word.partition("=")
        is_parameter = len(word) > len("--") and word.startswith("--")
        if is_parameter and equals:
            found.append(Value(name, index, value))
        elif following is not None and (
            word in _VALUED or (is_parameter and not following.startswith("-"))
        ):
            index += 1
            found.append(Value(word, index, following))
        index += 1
    return found


def value(arguments: Sequence[str], options: Sequence[str]) -> Value | None:
    """The first value of some options."""
    return next((entry for entry in values(arguments) if entry.option in options), None)


def replaced(arguments: Sequence[str], other: Callable[[Value], str]) -> list[str]:
    """The arguments with other values.

    Args:
        arguments: The arguments.
        other: Gives the value that takes the place of one.
    """
    words = list(arguments)
    for entry in values(arguments):
        text = other(entry)
        if text != entry.text:
            is_joined = words[entry.at].startswith(f"{entry.option}=")
            words[entry.at] = f"{entry.option}={text}" if is_joined else text
    return words
