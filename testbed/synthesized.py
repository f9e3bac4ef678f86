"""The app's stacks, synthesized once in this process."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from stacks import paths, settings_file
from stacks.deployment import declare
from stacks.settings import Settings

CONTEXT: dict[str, Any] = json.loads((paths.ROOT / "cdk.json").read_text())["context"]


class Templates(dict[str, Template]):
    """Templates by the last word of their stack's name: network, data, batch, operations.

    Attributes:
        directory: The cloud assembly.
    """

    directory: Path


def of(settings: Settings) -> Templates:
    """Synthesize settings with the context that the CLI would give."""
    app = App(context=CONTEXT)
    declare(app, settings)
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    templates = Templates(
        {stack.node.id.rsplit("-", 1)[1]: Template.from_stack(stack) for stack in stacks}
    )
    templates.directory = Path(app.synth().directory)
    return templates


@functools.cache
def synthesize(name: str) -> Templates:
    """Synthesize a settings file of the project."""
    return of(settings_file.read(paths.SETTINGS, name))


def changed(name: str, **changes: object) -> Settings:
    """The settings of a file with some changed; `a__b=1` changes `a.b`."""
    document = settings_file.read(paths.SETTINGS, name).model_dump(mode="json", exclude_unset=True)
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return settings_file.parse(json.dumps(document), "changed.yaml")
