"""Prints docs/settings.md: every key of a settings file, from the model's JSON schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacks.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLE = """\
# Settings

Every key of a settings file; `NAME` is a name that you choose. `make schema` writes this page from
the settings model.
"""
_HEADER = """
| key | allowed | default | meaning |
|---|---|---|---|"""

_KINDS = {
    "array": "list",
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "string": "text",
}

Schema = dict[str, Any]


def page() -> str:
    """The page as Markdown: the single keys first, then a table for each section."""
    schema = Settings.model_json_schema()
    models = schema["$defs"]
    single, sections = [], []
    for key, field in schema["properties"].items():
        row = _row(key, field, key in schema["required"])
        model = _model(field, models)
        if model is None:
            single.append(row)
            continue
        text = (field.get("description") or _summary(model)).removesuffix(".") + "."
        sections += ["", f"## {key}", "", text, _HEADER, *_rows(model, models, key, field)]
    return "\n".join([_TITLE + _HEADER, *single, *sections]) + "\n"


def _rows(model: Schema, models: Schema, path: str, field: Schema) -> Iterator[str]:
    """A row for each key of a model, and of the models in it."""
    path += _step(field)
    for key, inner in model["properties"].items():
        nested = _model(inner, models)
        yield _row(f"{path}.{key}", inner, key in model.get("required", ()))
        if nested:
            yield from _rows(nested, models, f"{path}.{key}", inner)


def _alternatives(field: Schema) -> list[Schema]:
    """What a field may hold besides null."""
    return [entry for entry in field.get("anyOf", [field]) if entry.get("type") != "null"]


def _model(field: Schema, models: Schema) -> Schema | None:
    """The model that a field holds: itself, by name, or as entries of a list."""
    (held,) = _alternatives(field)
    held = next(iter(held.get("patternProperties", {}).values()), held)
    reference = held.get("items", held).get("$ref")
    return models[reference.rpartition("/")[2]] if reference else None


def _step(field: Schema) -> str:
    return ".NAME" if "patternProperties" in field else "[]" if "items" in field else ""


def _summary(model: Schema) -> str:
    return str(model["description"].partition("\n")[0])


def _row(key: str, field: Schema, required: bool) -> str:
    meaning, _, unset = field.get("description", "").partition("; unset: ")
    default = "required" if required else unset or _default(field)
    return f"| `{key}` | {_allowed(field)} | {default} | {meaning} |"


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or value in ({}, []):
        return "none"
    return f"`[{', '.join(value)}]`" if isinstance(value, list) else f"`{_word(value)}`"


def _word(value: object) -> str:
    """A value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _allowed(field: Schema) -> str:
    (held,) = _alternatives(field)
    if "enum" in held:
        return ", ".join(f"`{value}`" for value in held["enum"])
    if message := held.get("patternErrorMessage"):
        return str(message.removeprefix("must be "))
    return f"{_KINDS[held.get('type', 'object')]}{_range(held)}"


def _range(held: Schema) -> str:
    if "exclusiveMinimum" in held:
        return f", above {held['exclusiveMinimum']:,} and up to {held['maximum']:,}"
    if "minimum" in held:
        return f", {held['minimum']:,} to {held['maximum']:,}"
    for least, most in (("minItems", "maxItems"), ("minProperties", "maxProperties")):
        if least in held and most in held:
            return f" of {held[least]} to {held[most]}"
        if least in held or most in held:
            return f" of at least {held[least]}" if least in held else f" of at most {held[most]}"
    return ""


if __name__ == "__main__":
    print(page(), end="")
