"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from nfbatch.aws import Aws

Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="Profile of the AWS configuration.", envvar="AWS_PROFILE"
    ),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Region; default: the profile's.")
]
DeploymentName = Annotated[
    str | None,
    typer.Option(
        "--deployment",
        "-d",
        metavar="NAME",
        help="Deployment; needed only if the region has several.",
        envvar="NFBATCH_DEPLOYMENT",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id or name of a run, or the beginning of one; - is the last run.",
        show_default=False,
    ),
]


@dataclass
class _Context:
    profile: str | None = None


#: What a message about credentials has to name.
CONTEXT = _Context()


def connect(profile: str | None, region: str | None) -> Aws:
    """The clients for what the options name."""
    CONTEXT.profile = profile
    return Aws(profile, region)
