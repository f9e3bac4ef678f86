"""Reads one settings file and says in plain lines what is wrong with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from nextflow_batch.problem import Problem, printable, problems
from stacks import yaml_document
from stacks.settings import Settings
from stacks.settings_error import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SettingsError", "name_warning", "parse", "read"]


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
    label = f"{directory.name}/{name}.yaml"
    if not re.fullmatch(r"[\w-]+", name) or not path.is_file():
        names = ", ".join(sorted(file.stem for file in directory.glob("*.yaml")))
        raise SettingsError(f"settings: '{printable(name)}' is not allowed: must be one of {names}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{label}: cannot be read: {error.strerror}") from None
    return parse(data, label)


def parse(text: str | bytes, label: str) -> Settings:
    """Make settings of a file's text.

    Args:
        text: YAML.
        label: What to call the file in messages.

    Returns:
        The settings, whole and consistent.

    Raises:
        SettingsError: The text is no YAML or does not fit the model.
    """
    try:
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        document = yaml_document.load(data)
    except SettingsError as error:
        raise SettingsError(f"{label}:{error.line}: {error}") from None
    entries = document.problems
    paths = {problem.path for _, problem in entries}
    try:
        # Through JSON, because only there does pydantic's strict mode take a list for a tuple.
        settings = Settings.model_validate_json(json.dumps(document.values))
    except ValidationError as error:
        entries = entries + [
            (document.line(problem.path), problem)
            for problem in problems(error, Settings, document.number_text.get)
            if problem.path not in paths
        ]
    if entries:
        entries = sorted(entries, key=lambda entry: entry[0])
        raise SettingsError("\n".join(_sentence(label, *entry) for entry in entries))
    return settings


def _sentence(label: str, line: int, problem: Problem) -> str:
    key = f"{problem.key}: " if problem.path else ""
    return f"{label}:{line}: {key}{problem.text}"


def name_warning(name: str, settings: Settings) -> str | None:
    """A warning where a file's name and its deployment differ.

    Args:
        name: The file's name without its ending.
        settings: What is in it.

    Returns:
        One line; none where they are the same. They differ in a copy that was not edited.
    """
    if name == settings.deployment:
        return None
    return (
        f"Warning: settings/{name}.yaml: deployment: {settings.deployment} differs from the"
        f" file's name: the stacks are nextflow-{settings.deployment}-*"
    )
