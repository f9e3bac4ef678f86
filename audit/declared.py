"""A deployment as an app that is not synthesized yet, with its acknowledgements beside it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from aws_cdk import App, Validations

from audit.finding import Acknowledgement
from stacks import paths
from stacks.deployment import declare
from testbed.synthesized import CONTEXT

if TYPE_CHECKING:
    from aws_cdk import Acknowledgment
    from constructs import IConstruct

    from stacks.settings import Settings

# What is called to acknowledge is not where it is done.
_HELPERS = {"acknowledgements.py", "wildcards.py"}


class Declared(NamedTuple):
    """An app and what its code acknowledges.

    Attributes:
        app: The app. It has no acknowledgements, so a pack finds all that there is to find.
        acknowledgements: Those that it would have.
    """

    app: App
    acknowledgements: list[Acknowledgement]


def read(settings: Settings) -> Declared:
    """Declare the stacks of some settings."""
    found: list[Acknowledgement] = []

    class Recorder:
        def __init__(self, scope: IConstruct) -> None:
            self._path = scope.node.path

        def acknowledge(self, *rules: Acknowledgment) -> None:
            file = _file()
            found.extend(Acknowledgement(rule.id, self._path, rule.reason, file) for rule in rules)

    app = App(context=CONTEXT)
    # cdk-nag leaves out what is acknowledged, so one could not see what no rule asks for any more.
    with mock.patch.object(Validations, "of", Recorder):
        declare(app, settings)
    return Declared(app, found)


def _file() -> str:
    """The file that acknowledges."""
    for frame in inspect.stack()[2:]:
        file = Path(frame.filename)
        if file.name not in _HELPERS and file.is_relative_to(paths.ROOT):
            return file.relative_to(paths.ROOT).as_posix()
    raise AssertionError("nobody acknowledges")
