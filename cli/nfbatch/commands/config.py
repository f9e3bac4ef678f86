"""`nfbatch config`."""

from __future__ import annotations

from typing import Annotated

import typer

from nfbatch import deployment, options, output
from nfbatch.nextflow_config import NextflowConfig
from nfbatch.site import Site


def config(
    *,
    seqera: Annotated[
        bool,
        typer.Option("--seqera", help="Print the values for Seqera Platform instead."),
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Print a nextflow.config for a Nextflow on your machine, with its tasks on the deployment.

    With --seqera, print the values for a compute environment of AWS Batch that you enter manually
    in Seqera Platform.

    [bold]Examples[/]
    $ nfbatch config > nextflow.config
    $ nfbatch config --seqera
    """
    aws = options.connect(profile, region)
    found = NextflowConfig.of(Site(aws, deployment.find(aws, deployment_name)))
    if as_json:
        output.print_json(found.seqera if seqera else {"nextflow.config": found.text})
    elif seqera:
        for name, value in found.seqera.items():
            print(f"{name:<24} {value}")
        output.say(
            "Head Job role: one of your own; this deployment's allows only job definitions"
            f" nf-{found.site.deployment.name}_*, and Seqera's Nextflow names them otherwise"
        )
    else:
        print(found.text, end="")
