"""Reads one settings file and says in plain lines what is wrong with it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from stacks.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

#: How long a refused value may be in a message before it is cut.
_SHOWN = 60


class SettingsError(Exception):
    """A settings file that cannot be used; its text is one line for each thing to mend."""


class _Loader(yaml.SafeLoader):
    """YAML as PyYAML's safe loader reads it, but a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or isinstance(key, (tuple, list, dict)):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read(directory: Path, name: str) -> Settings:
    """Read `NAME.yaml` in a folder of settings.

    Args:
        directory: Where the settings files lie.
        name: The file's name without its ending, as in `-c settings=NAME`.

    Returns:
        The settings, whole and consistent.

    Raises:
        SettingsError: There is no such file, it is no YAML, or it does not fit the model.
    """
    path = directory / f"{name}.yaml"
    shown = f"{directory.name}/{name}.yaml"
    if not re.fullmatch(r"[\w-]+", name) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.yaml")))
        raise SettingsError(f"settings: '{name}' is not allowed: must be one of {known}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown}: cannot be read: {error}") from None
    return parse(text, shown)


def parse(text: str, shown: str) -> Settings:
    """Make settings of a file's text.

    Args:
        text: YAML.
        shown: What to call the file in messages.

    Returns:
        The settings, whole and consistent.

    Raises:
        SettingsError: The text is no YAML or does not fit the model.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - it derives from SafeLoader
        if not isinstance(document, dict):
            raise SettingsError(f"{shown}: must be a mapping of settings, like default.yaml")
        # Through JSON, because only there does pydantic's strict mode take a list for a tuple.
        return Settings.model_validate_json(json.dumps(document, default=str))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = _one_line(str(error.problem))
        raise SettingsError(f"{shown}: line {line}: not valid YAML: {problem}") from None
    except ValidationError as error:
        details = error.errors(include_url=False)
        lines = [_one_line(_sentence(shown, detail)) for detail in details if not _follows(detail)]
        raise SettingsError("\n".join(lines)) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"{shown}: cannot be understood: {reason}") from None


#: pydantic's kinds of error that read better in other words.
_WORDS = {
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
}


def _follows(detail: ErrorDetails) -> bool:
    """Whether a list is called too short only because its items, reported already, are wrong."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _sentence(shown: str, detail: ErrorDetails) -> str:
    """One line: file, key, value, what is allowed."""
    # A mapping's key that does not fit is reported below the mapping as (key, "[key]").
    location = [str(part) for part in detail["loc"] if part != "[key]"]
    # A stranger's name may hold anything that YAML does, line breaks too.
    key = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in ".".join(location))
    kind = detail["type"]
    if kind == "missing":
        return f"{shown}: {key}: is missing"
    if kind == "extra_forbidden":
        return f"{shown}: {key}: is no setting{_suggestion(location)}"
    message = re.sub(r"^(Value error, |Input )", "", detail["msg"]).replace("should", "must")
    if kind in _WORDS:
        allowed = detail.get("ctx", {}).items()
        # A whole bound of a setting that may have a fraction reads better without one.
        bounds = {key: f"{value:.15g}" if type(value) is float else value for key, value in allowed}
        message = _WORDS[kind].format(**bounds)
    if kind == "value_error" and isinstance(detail["input"], dict):
        return f"{shown}: {key + ': ' if key else ''}{message}"
    return f"{shown}: {key}: {_value(detail['input'])} is not allowed: {message}"


def _one_line(text: str) -> str:
    """Keys are shown as they stand, and YAML lets them hold line breaks."""
    return " ".join(text.splitlines())


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _suggestion(location: list[str]) -> str:
    """The nearest known name, or all names that are known where the stranger stands."""
    model: type[BaseModel] | None = Settings
    for part in location[:-1]:
        model = _model_of(model, part)
    if model is None:
        return ""
    names = list(model.model_fields)
    near = difflib.get_close_matches(location[-1], names, n=1)
    return f": did you mean {near[0]}?" if near else f": must be one of {', '.join(names)}"


def _model_of(model: type[BaseModel] | None, part: str) -> type[BaseModel] | None:
    """The model of a field, of a mapping's values or of a list's items."""
    if model is None:
        return None
    field = model.model_fields.get(part)
    if field is None:
        return model  # a mapping's key or a list's index: the model below it was found already
    return next(iter(_models_in(field.annotation)), None)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _models_in(inner)]
