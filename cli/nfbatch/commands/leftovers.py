"""`nfbatch leftovers`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nfbatch import leftovers as search
from nfbatch import options, output
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws
    from nfbatch.leftovers import Leftover


def leftovers(
    *,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what may be removed, after asking.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --remove: do not ask, for scripts.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    as_json: options.Json = False,
) -> None:
    """List what destroyed deployments and crashed runs have left in the account and region.

    With --remove, job definitions, images of heads, volumes and log groups are removed after a
    question. Buckets, keys and copies of images are listed, and never removed.

    [bold]Examples[/]
    $ nfbatch leftovers
    $ nfbatch leftovers --remove
    """
    if yes and not remove:
        raise NfbatchError(Kind.BAD_INPUT, "--yes is allowed only together with --remove")
    if remove and not yes and (as_json or not sys.stdin.isatty()):
        raise NfbatchError(
            Kind.BAD_INPUT, "--remove asks before it removes: use a terminal, or add --yes"
        )
    aws = options.connect(profile, region)
    found = search.find(aws)
    removable = [each for each in found if each.is_removable]
    if not as_json:
        _print(found, aws)
    removed: list[Leftover] = []
    if remove and removable:
        if not yes and not typer.confirm(f"Remove {_counted(removable)}?"):
            output.say("nothing was removed")
            return
        removed = _remove(aws, removable)
    if as_json:
        output.print_json(
            {
                "leftovers": [each.as_json() for each in found],
                "removed": [each.id for each in removed],
            }
        )
    elif removed:
        print(f"removed {_counted(removed)}")


def _print(found: Sequence[Leftover], aws: Aws) -> None:
    if not found:
        output.say(f"nothing is left in {aws.region}")
    rows = [
        (each.kind, each.id, each.deployment, "yes" if each.is_removable else "no", each.detail)
        for each in found
    ]
    output.print_table(("KIND", "ID", "DEPLOYMENT", "REMOVABLE", "DETAIL"), rows, "DETAIL")


def _counted(chosen: Sequence[Leftover]) -> str:
    kinds = dict.fromkeys(each.kind for each in chosen)
    return ", ".join(
        f"{sum(each.kind == kind for each in chosen)} {search.PLURALS[kind]}" for kind in kinds
    )


def _remove(aws: Aws, chosen: Sequence[Leftover]) -> list[Leftover]:
    """Removes what is possible; what AWS refuses is named, and the rest goes on."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from nfbatch import aws_error  # noqa: PLC0415 - as above

    removed = []
    for each in chosen:
        try:
            each.remove(aws)
            removed.append(each)
        except ClientError as error:
            known = aws_error.translate(error, aws.profile)
            output.say(f"{each.kind} {each.id} was not removed: {known}")
        except NfbatchError as error:
            output.say(f"{each.kind} {each.id} was not removed: {error}")
    if len(removed) < len(chosen):
        raise NfbatchError(
            Kind.NO_PERMISSION,
            f"{len(chosen) - len(removed)} of {len(chosen)} things were not removed",
        )
    return removed
