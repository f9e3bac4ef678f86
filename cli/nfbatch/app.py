"""The commands under one name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated

import typer

from nfbatch import VERSION
from nfbatch.commands.cancel import cancel
from nfbatch.commands.config import config
from nfbatch.commands.copy_references import copy_references
from nfbatch.commands.cost import cost
from nfbatch.commands.deployments import deployments
from nfbatch.commands.doctor import doctor
from nfbatch.commands.launch import launch
from nfbatch.commands.leftovers import leftovers
from nfbatch.commands.list_runs import list_runs
from nfbatch.commands.logs import logs
from nfbatch.commands.open_run import open_run
from nfbatch.commands.prices import prices
from nfbatch.commands.report import report
from nfbatch.commands.resume import resume
from nfbatch.commands.smoke import smoke
from nfbatch.commands.status import status
from nfbatch.commands.workers import workers

app = typer.Typer(
    name="nfbatch",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What follows the project is Nextflow's.
_PASSED_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}


def _help(command: Callable[..., object]) -> str:
    """A docstring with its paragraphs as one line each, so that they fit every terminal."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\n(?!\$)", " ", paragraph) for paragraph in paragraphs)


_COMMANDS: tuple[tuple[str, Callable[..., object]], ...] = (
    ("list", list_runs),
    ("status", status),
    ("logs", logs),
    ("cost", cost),
    ("report", report),
    ("open", open_run),
    ("cancel", cancel),
    ("resume", resume),
    ("doctor", doctor),
    ("smoke", smoke),
    ("leftovers", leftovers),
    ("workers", workers),
    ("copy-references", copy_references),
    ("config", config),
    ("deployments", deployments),
    ("prices", prices),
)
app.command(help=_help(launch), context_settings=_PASSED_ON)(launch)
for _name, _command in _COMMANDS:
    app.command(_name, help=_help(_command))(_command)


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
