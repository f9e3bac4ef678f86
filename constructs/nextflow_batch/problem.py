"""One thing that is wrong with a value, in words."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import ErrorDetails

    Path = tuple[str | int, ...]

#: How long a refused value may be in a message before it is cut.
_SHOWN = 60


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        path: The argument, and where in it.
        text: What is wrong, for example `10 is not allowed: must be at least 20`.
    """

    path: Path
    text: str

    @property
    def key(self) -> str:
        """The path as people write it: `queues.default.priority`."""
        return ".".join(printable(str(part)) for part in self.path)

    def below(self, *path: str | int) -> Problem:
        """The same problem, seen from above `path`."""
        return Problem((*path, *self.path), self.text)


class ConflictError(ValueError):
    """Values that are allowed each, but not together."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.key}: {problem.text}" for problem in problems))
        self.problems = problems


class HiddenValueError(ValueError):
    """A value that is not allowed and may be a secret, so that no message shows it."""


def problems(
    error: ValidationError,
    model: type[BaseModel] | None = None,
    source: Callable[[Path], str | None] = lambda _: None,
) -> list[Problem]:
    """What pydantic found, in words.

    Args:
        error: What it raised.
        model: The model, for a hint at the name that was meant.
        source: How the value at a path is written in its file, where that differs.

    Returns:
        One problem for each thing that is wrong.
    """
    result: list[Problem] = []
    details = error.errors(include_url=False)
    renamed = {
        (*detail["loc"][:-1], new)
        for detail in details
        if detail["type"] == "extra_forbidden" and (new := _new_name(detail["loc"], model))
    }
    for detail in details:
        if detail["type"] == "missing" and detail["loc"] in renamed:
            continue  # it is there by its former name, which has a line already
        # A mapping's key that does not fit is reported below the mapping as (key, "[key]").
        path = tuple(part for part in detail["loc"] if part != "[key]")
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ConflictError):
            result += [problem.below(*path) for problem in cause.problems]
        elif not _follows(detail):
            result.append(Problem(path, _text(detail, path, model, source(path))))
    return result


def quote(value: object) -> str:
    """A value in a message, cut if it is long."""
    text = json.dumps(value, default=_kind) if isinstance(value, _JSON) else _kind(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_JSON = (str, int, float, list, tuple, dict, type(None))


def _kind(value: object) -> str:
    return f"<{type(value).__name__}>"


def printable(text: str) -> str:
    """Text on one line: a stranger's name may hold anything, line breaks too."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


#: pydantic's kinds of error that read better in other words.
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "is_instance_of": "must be a {class}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
}


def _follows(detail: ErrorDetails) -> bool:
    """Whether a list is called too short only because its items, reported already, are wrong."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _text(
    detail: ErrorDetails, path: Path, model: type[BaseModel] | None, source: str | None
) -> str:
    kind, value = detail["type"], detail["input"]
    if kind in {"missing", "missing_argument"}:
        return f"is missing{_demand(path, model)}"
    if kind == "extra_forbidden":
        return f"unknown setting{_suggestion(path, model, source or quote(value))}"
    if value is None:
        return "has no value: set one, or remove the key"
    hidden = isinstance(detail.get("ctx", {}).get("error"), HiddenValueError)
    text = "its value" if hidden else source or quote(value)
    return f"{text} is not allowed: {_allowed(detail, path, source)}"


def _demand(path: Path, model: type[BaseModel] | None) -> str:
    """What a value that is missing must be: what an empty text would be refused with."""
    parent = _model_at(path[:-1], model)
    if parent is None:
        return ""
    field = parent.model_fields[str(path[-1])]
    rules: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(rules).validate_python("", strict=True)
    except ValidationError as error:
        return f": {_allowed(error.errors(include_url=False)[0], path, None)}"
    return ""


def _allowed(detail: ErrorDetails, path: Path, source: str | None) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "string_type" and isinstance(value, (int, float)):
        return f"must be text: write {json.dumps(source or json.dumps(value))}, with the quotes"
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        return _WORDS[kind] + _number_hint(value, str(path[-1]) if path else "")
    if kind in {"list_type", "tuple_type"} and value and isinstance(value, str):
        return f"must be a list: write [{printable(value)}]"
    if kind in _WORDS:
        limits = detail.get("ctx", {}).items()
        # A whole bound of a setting that may have a fraction reads better without one.
        bounds = {key: f"{limit:.15g}" if type(limit) is float else limit for key, limit in limits}
        return _WORDS[kind].format(**bounds)
    return re.sub(r"^(Value error, |Input )", "", detail["msg"]).replace("should", "must")


#: How the units in the names of arguments are written.
_UNITS = {"gib": "GiB", "mib": "MiB", "mibs": "MiB/s", "days": "days", "seconds": "seconds"}


def _number_hint(text: str, name: str) -> str:
    if match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", text):
        return f": write {match[1]}, without quotes"
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", text):
        return f": write {text.replace(',', '')}"
    if re.fullmatch(r"\s*[$€]?\d+(?:\.\d+)?\s*[A-Za-z/%$€]*\s*", text):
        unit = _UNITS.get(name.rpartition("_")[2])
        return f" of {unit}, without the unit" if unit else " without a unit"
    return ""


def _suggestion(path: Path, model: type[BaseModel] | None, value: str) -> str:
    """The present name, the nearest known name, or all names that are known at this place."""
    if new := _new_name(path, model):
        return f": it is now called {new}: write {new}: {value}"
    model = _model_at(path[:-1], model)
    if model is None:
        return ""
    names = {name: name for name in model.model_fields} | getattr(model, "RENAMED", {})
    if near := get_close_matches(str(path[-1]), names, n=1):
        return f": did you mean {names[near[0]]}?"
    return f": must be one of {', '.join(model.model_fields)}"


def _new_name(path: Path, model: type[BaseModel] | None) -> str | None:
    """The present name of a setting that has been renamed."""
    names: Mapping[str, str] = getattr(_model_at(path[:-1], model), "RENAMED", {})
    return names.get(str(path[-1]))


def _model_at(path: Path, model: type[BaseModel] | None) -> type[BaseModel] | None:
    for part in path:
        model = _model_of(model, part)
    return model


def _model_of(model: type[BaseModel] | None, part: str | int) -> type[BaseModel] | None:
    """The model of a field, of a mapping's values or of a list's items."""
    field = model.model_fields.get(str(part)) if model else None
    if field is None:
        return model  # a mapping's key or a list's index: the model below it was found already
    return next(iter(_models_in(field.annotation)), None)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [result for inner in getattr(annotation, "__args__", ()) for result in _models_in(inner)]
