"""Nextflow's configuration: the core's own resolution of it, or a small reader's."""

import re
from collections.abc import Iterator, Mapping

# A string, a comment, a bracket, the end of a statement, blanks, anything else.
_TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/"""
    r"""|[{}\[\]]|[;\n]|[ \t]+|[^\s{}\[\];'"]+""",
    re.DOTALL,
)
_UNITS = {"": 0.001, "ms": 0.001, "milli": 0.001}
_UNITS |= {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}

Value = str | int | bool | list[str] | dict[str, str]


def read(text: str) -> dict[str, Value]:
    """Reads literals out of a Nextflow configuration, keys joined by dots.

    It is meant for what `nextflow config -flat` prints and for files as plain as the head writes:
    `a.b = 'x'` and `a { b = 'x' }` with strings, whole numbers, booleans, and lists and maps of
    strings. A value that would have to be computed, such as a closure, is left out, not guessed.

    Args:
        text: The configuration.
    """
    found: dict[str, Value] = {}
    scopes: list[str] = []
    for statement in _statements(text):
        if statement == "}":
            scopes = scopes[:-1]
        elif statement.endswith("{") and "=" not in statement:
            scopes = [*scopes, _key(statement[:-1])]
        elif match := re.match(r"\s*([\w.$'\":-]+?)\s*=\s*(.+)", statement, flags=re.DOTALL):
            value = _literal(match[2].strip())
            if value is not None:
                found[".".join([*scopes, _key(match[1])])] = value
    return found


def seconds(duration: str) -> float:
    """Reads one of Nextflow's durations.

    Args:
        duration: Such as `5 sec`, `500ms` or `1 min`; a bare number counts milliseconds.

    Raises:
        ValueError: It is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", duration.strip())
    scale = match and (_UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")))
    if not match or not scale:
        raise ValueError(f"{duration!r} is no duration")
    return float(match[1]) * scale


def text(config: Mapping[str, Value], key: str) -> str | None:
    """A setting as text; None where it is missing or empty."""
    value = config.get(key)
    return str(value) if value not in (None, "", []) else None


def _statements(text: str) -> Iterator[str]:
    """Cuts a configuration into `scope {`, `key = value` and `}`."""
    statement, depth = "", 0
    for word in _TOKEN.findall(text):
        if word.startswith(("//", "/*")):
            continue
        closes_scope = word == "}" and depth == 0
        ends = (word in ";\n" and depth == 0) or closes_scope
        if ends:
            if statement.strip():
                yield statement.strip()
            statement = ""
            if closes_scope:
                yield "}"
        elif word == "{" and "=" not in statement:
            yield statement.strip() + "{"
            statement = ""
        else:
            statement += word
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(word, 0)
    if statement.strip():
        yield statement.strip()


def _key(written: str) -> str:
    """A key without the quotes that odd ones are written in."""
    return written.strip().replace("'", "").replace('"', "")


def _literal(written: str) -> Value | None:
    """The value of a literal; None if it is not one."""
    if written in {"true", "false"}:
        return written == "true"
    if re.fullmatch(r"-?\d+", written):
        return int(written)
    strings = re.findall(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\$])*\"", written)
    if strings == [written]:
        return _unquote(written)
    if written.startswith("[") and written.endswith("]"):
        return _collection(written[1:-1].strip())
    return None


def _collection(inside: str) -> Value | None:
    """A list or a map whose elements are strings."""
    quoted = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\$])*\""
    pair = re.compile(rf"\s*({quoted}|[\w.-]+)\s*:\s*({quoted})\s*(?:,|$)")
    item = re.compile(rf"\s*({quoted})\s*(?:,|$)")
    if re.fullmatch(rf"(?:{pair.pattern})+", inside):
        return {_key(m[1]): _unquote(m[2]) for m in pair.finditer(inside)}
    if re.fullmatch(rf"(?:{item.pattern})*", inside):
        return [_unquote(m[1]) for m in item.finditer(inside)]
    return None


def _unquote(written: str) -> str:
    """A quoted string's text."""
    return re.sub(r"\\(.)", r"\1", written[1:-1])
