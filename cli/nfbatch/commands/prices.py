"""`nfbatch prices`."""

from __future__ import annotations

from typing import Annotated

import typer

from nfbatch import options, output
from nfbatch.error import Kind, NfbatchError
from nfbatch.prices import load, refreshed_path


def prices(
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read AWS's public price list: several hundred MB.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    as_json: options.Json = False,
) -> None:
    """Show the table of prices that `cost` uses, or refresh it.

    [bold]Examples[/]
    $ nfbatch prices
    $ nfbatch prices --refresh --region us-west-2
    """
    own = options.connect(profile, region).region
    if refresh and not own:
        raise NfbatchError(
            Kind.BAD_INPUT, "no region is set: pass --region, such as --region us-west-2"
        )
    if refresh and own:
        from nfbatch import price_list  # noqa: PLC0415 - its HTTP client takes time to import

        output.say(f"… Reading the price list of {own}: this takes minutes")
        price_list.fetch(own).write(refreshed_path(own))
    table = load(own)
    count = sum(len(sizes) for sizes in table.instances.values())
    if as_json:
        output.print_json(
            {
                "region": table.region,
                "published": table.published,
                "source": table.source,
                "instance_types": count,
                "s3_gib_month": table.s3_gib_month,
                "s3_source": table.s3_source,
            }
        )
        return
    print(f"{count:,} instance types of {table.region}, {table.published}")
    print(f"  from {table.source}")
    if table.s3_gib_month is not None:
        print(f"S3 Standard: ${table.s3_gib_month} for a GiB and month")
        print(f"  from {table.s3_source}")
    if own and own != table.region:
        output.say(f"these are not the prices of {own}: `nfbatch prices --refresh` reads those")
