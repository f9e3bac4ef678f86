"""`nfbatch workers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nfbatch import deployment, options, output
from nfbatch import workers as search
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from nfbatch.workers import Workers

_RENEW = typer.Option(
    "--renew", help="Replace workers whose AMI is out of date, where no job runs on them."
)
_WITH_JOBS = typer.Option(
    "--with-jobs", help="With --renew: also where jobs run; the update waits for them."
)


def workers(
    *,
    renew: Annotated[bool, _RENEW] = False,
    with_jobs: Annotated[bool, _WITH_JOBS] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Show how old the workers' AMIs are, and renew them.

    A schedule can call it: workers with jobs on them stay for the next time.

    [bold]Example[/]
    $ nfbatch workers --renew
    """
    if with_jobs and not renew:
        raise NfbatchError(Kind.BAD_INPUT, "--with-jobs is allowed together with --renew only")
    aws = options.connect(profile, region)
    found = search.read(aws, deployment.find(aws, deployment_name))
    renewed = []
    for each in found if renew and not as_json else ():
        output.say(_decision(each, with_jobs=with_jobs))
    for each in found if renew else ():
        if _is_chosen(each, with_jobs=with_jobs):
            search.renew(aws, each)
            renewed.append(each.environment)
    if as_json:
        output.print_json({"workers": [each.as_json() for each in found], "renewed": renewed})
        return
    rows = [
        (each.name, each.status, each.image, str(each.jobs), each.environment) for each in found
    ]
    output.print_table(("WORKERS", "STATUS", "AMI", "JOBS", "ENVIRONMENT"), rows, "ENVIRONMENT")


def _is_chosen(each: Workers, *, with_jobs: bool) -> bool:
    is_settled = each.status == "VALID" and each.is_renewable
    return each.is_due and is_settled and (with_jobs or not each.jobs)


def _decision(each: Workers, *, with_jobs: bool) -> str:
    if _is_chosen(each, with_jobs=with_jobs):
        wait = f"; its {each.jobs} jobs may go on for {each.minutes} minutes" if each.jobs else ""
        return f"{each.name}: is renewed{wait}"
    if not each.is_due:
        return f"{each.name}: stays, its AMI is {each.image}"
    if not each.is_renewable:
        return (
            f"{each.name}: stays, because Batch renews workers only with its service-linked role:"
            " set batch_service_role: service-linked"
        )
    if each.status != "VALID":
        return f"{each.name}: stays, because it is {each.status}"
    return f"{each.name}: stays, because {each.jobs} jobs run on it; --with-jobs renews it"
