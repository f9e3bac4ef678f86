"""A YAML 1.2 document as plain values, with the line of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar

from nextflow_batch.problem import Problem
from stacks.settings_error import SettingsError
from stacks.yaml_text import decode, parse

if TYPE_CHECKING:
    from nextflow_batch.problem import Path

#: The largest file that makes sense has less than half of it.
MOST_VALUES = 5_000
_DEEPEST = 20
_NULL = ("null", "Null", "NULL", "~")


class Document(NamedTuple):
    """A mapping and where its parts are.

    Attributes:
        values: The mapping, of plain values.
        lines: The line of each value by its path, from 1.
        number_text: How each number is written, by its path.
        problems: Keys and values that YAML has and settings have not, with their lines.
    """

    values: dict[str, Any]
    lines: dict[Path, int]
    number_text: dict[Path, str]
    problems: list[tuple[int, Problem]]

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest that is there above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(data: bytes) -> Document:
    """Read a document.

    Args:
        data: The file's bytes.

    Returns:
        The document; keys at the top that begin with `x-` are left out, they hold anchors.

    Raises:
        SettingsError: It is not YAML 1.2, not a mapping, or larger than makes sense.
    """
    text = decode(data)
    root = parse(text)
    if not isinstance(root, CommentedMap):
        raise SettingsError("must be a mapping of settings, like default.yaml", 1)
    reader = _Reader(text)
    values = reader.read(root, (), ())
    return Document(values, reader.lines, reader.number_text, reader.problems)


class _Reader:
    """Turns what the parser made into plain values, and notes where each is."""

    def __init__(self, text: str) -> None:
        self._text = text.splitlines()
        self._left = MOST_VALUES
        self.lines: dict[Path, int] = {}
        self.number_text: dict[Path, str] = {}
        self.problems: list[tuple[int, Problem]] = []

    def read(self, value: object, path: Path, above: tuple[int, ...]) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > _DEEPEST:
            # Anchors can make much of little.
            what = f"more than {MOST_VALUES} values" if self._left < 0 else "too many levels"
            line = self.lines.get(path[:1], 1)
            raise SettingsError(f"has {what} after its aliases are resolved", line)
        if id(value) in above:
            raise SettingsError("an anchor must not contain itself", self.lines.get(path, 1))
        if type(value) is CommentedMap and value.tag.value in (None, "tag:yaml.org,2002:map"):
            return self._mapping(value, path, (*above, id(value)))
        if type(value) is CommentedSeq and value.tag.value in (None, "tag:yaml.org,2002:seq"):
            return self._sequence(value, path, (*above, id(value)))
        return self._scalar(value, path)

    def _mapping(self, mapping: CommentedMap, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        values = {}
        for key, value in mapping.items():
            place = _place(mapping, key)
            line = place[0] + 1 if place else self.lines.get(path, 1)
            if text := _key_text(key):
                self.problems.append((line, Problem(path, text)))
                continue
            if not path and key.startswith("x-"):
                continue
            self.lines[(*path, key)] = line
            self._note(value, (*path, key), place[2:] if place else None)
            values[str(key)] = self.read(value, (*path, key), above)
        return values

    def _sequence(self, sequence: CommentedSeq, path: Path, above: tuple[int, ...]) -> list[Any]:
        values = []
        for index, value in enumerate(sequence):
            place = sequence.lc.data.get(index) if sequence.lc.data else None
            self.lines[(*path, index)] = place[0] + 1 if place else self.lines.get(path, 1)
            self._note(value, (*path, index), place)
            values.append(self.read(value, (*path, index), above))
        return values

    def _note(self, value: object, path: Path, place: list[int] | None) -> None:
        """How a number or a date is written: 007 is not 7 to who wrote it."""
        if place is None or isinstance(value, (str, bool, CommentedMap, CommentedSeq)):
            return
        line, column = place
        text = self._text[line][column:] if line < len(self._text) else ""
        match = re.match(r"[+\-.~\w:]+", text)
        if match and (value is not None or match[0] in _NULL):
            self.number_text[path] = match[0]

    def _scalar(self, value: object, path: Path) -> Any:
        match value:
            case None | bool() | int() | float() | str():
                return self._plain(value, path)
            case TaggedScalar() if value.tag.value == "tag:yaml.org,2002:str":
                return self._plain(value.value, path)
            case _ if hasattr(value, "isoformat"):
                date = self.number_text.get(path, str(value))
                text = (
                    f'{date} is not allowed: a date must be text: write "{date}", with the quotes'
                )
            case TaggedScalar() | CommentedMap() | CommentedSeq():
                text = f"the tag {value.tag.value} is not allowed: remove it"
            case _:
                text = "must be text, a number, true or false, a list or a mapping"
        self._complain(path, text)
        return None

    def _plain(self, value: bool | float | str | None, path: Path) -> Any:
        """The value without what the parser adds to it."""
        if (
            value is None and path not in self.number_text
        ):  # nothing is there, not even the word null
            self._complain(path, "has no value: set one, or remove the key")
        if isinstance(value, str):
            if _writable(value):
                return str(value)
            self._complain(path, f"{value!a} is not allowed: must be UTF-8 text")
            return None
        if value is None or isinstance(value, bool):
            return value
        return int(value) if isinstance(value, int) else float(value)

    def _complain(self, path: Path, text: str) -> None:
        self.problems.append((self.lines.get(path, 1), Problem(path, text)))


def _key_text(key: object) -> str | None:
    """What is wrong with a mapping's key."""
    if isinstance(key, str):
        return None if _writable(key) else f"the key {key!a} is not allowed"
    if isinstance(key, (int, float)) or key is None:
        word = "null" if key is None else str(key).lower()
        return f'the key {word} is not allowed: must be text: write "{word}", with the quotes'
    return "this key is not allowed: must be text"


def _writable(text: str) -> bool:
    """Whether UTF-8 has a form of it; half of a surrogate pair has none."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _place(mapping: CommentedMap, key: object) -> list[int] | None:
    """Where a key is, also where it comes from by `<<`."""
    if mapping.lc.data and key in mapping.lc.data:
        place: list[int] = mapping.lc.data[key]
        return place
    for other in mapping.merge or ():
        if isinstance(other, CommentedMap) and key in other:
            return _place(other, key)
    return None
