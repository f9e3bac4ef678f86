"""The commands under one name."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated

import typer

from nfbatch import VERSION
from nfbatch.commands.deployments import deployments
from nfbatch.commands.launch import launch

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="nfbatch",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What follows the project is Nextflow's.
_PASSED_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}


def _help(command: Callable[..., None]) -> str:
    """A docstring with its paragraphs as one line each, so that they fit every terminal."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\n(?!\$)", " ", paragraph) for paragraph in paragraphs)


app.command(help=_help(launch), context_settings=_PASSED_ON)(launch)
app.command(help=_help(deployments))(deployments)


def _version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"nfbatch {VERSION}")
        raise typer.Exit


def nfbatch(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Launch and watch Nextflow runs on AWS Batch.

    Exit status: 0 success, 1 a run failed, 2 bad input, 3 no valid credentials, 4 no permission,
    5 no such deployment or run, 6 AWS does not respond, 130 interrupted.
    """


app.callback(help=_help(nfbatch))(nfbatch)
