"""A YAML 1.2 file as ruamel.yaml reads it, or the line in which it is no such file."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode

from nextflow_batch.problem import printable
from stacks.settings_error import SettingsError

#: The largest file that makes sense, 20 queues over 50 compute environments with every setting, has
#: less than half of it.
MOST_BYTES = 65_536
#: Text may have some brackets that close nothing; the parser takes seconds over thousands.
_DEEPEST_BRACKETS = 200


def _refusal(line: int, text: str) -> SettingsError:
    return SettingsError(printable(text), line)


def decode(data: bytes) -> str:
    """The file's text.

    Args:
        data: Its bytes.

    Returns:
        The text, without a byte order mark.

    Raises:
        SettingsError: It is too large, not UTF-8 or not YAML 1.2.
    """
    if len(data) > MOST_BYTES:
        raise _refusal(1, f"has {len(data)} bytes: must have at most {MOST_BYTES}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise _refusal(line, f"is not UTF-8: the byte 0x{byte:02x} cannot be read") from None
    depth = 0
    for number, row in enumerate(text.splitlines(), start=1):
        if re.match(r"%YAML(?!\s+1\.2\s*$)", row):
            text = f"{row[:20]} is not allowed: must be %YAML 1.2: correct the line, or remove it"
            raise _refusal(number, text)
        depth += sum(map(row.count, "[{")) - sum(map(row.count, "]}"))
        if depth > _DEEPEST_BRACKETS:
            raise _refusal(number, "is nested too deeply")
    return text


#: What a scalar is not, by its YAML type.
_KINDS = {
    "float": "not a number",
    "int": "not a whole number",
    "timestamp": "not a date: as text it needs quotes",
}


class _Constructor(RoundTripConstructor):
    """ruamel.yaml's own, but it says where a value is that it cannot read: 2026-13-45."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            reason = str(error)
            if isinstance(node, ScalarNode):
                # Python's own words differ from version to version.
                kind = _KINDS.get(str(node.tag).rpartition(":")[2])
                reason = f"{node.value!r:.40}{f' is {kind}' if kind else f': {error}'}"
            raise ConstructorError(None, None, reason, node.start_mark) from None


def parse(text: str) -> object:
    """What ruamel.yaml makes of the text.

    Raises:
        SettingsError: It is not YAML.
    """
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor = _Constructor
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _refusal(line, f"not valid YAML: {_reason(error)}") from None
    except RecursionError:
        raise _refusal(1, "is nested too deeply") from None
    except YAMLError as error:  # a character that YAML does not know
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = " ".join(str(error).split(" in ")[0].split())
        raise _refusal(line, f"not valid YAML: {reason}") from None


def _reason(error: MarkedYAMLError) -> str:
    reason = " ".join(str(error.problem or error.context).split())
    if duplicate := re.match(r"found duplicate key (\".*?\"|\S+)", reason):
        return f"duplicate key {duplicate[1]}"
    if reason.startswith("but found another document"):
        return "must be one document, without a second ---"
    return reason[:200]
