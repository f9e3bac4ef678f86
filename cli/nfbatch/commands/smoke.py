"""`nfbatch smoke`."""

from __future__ import annotations

import time
import uuid
from typing import Annotated, Any

import typer

from nfbatch import deployment, options, output, owner, run, smoke_run, submission
from nfbatch.error import Kind
from nfbatch.project import Project
from nfbatch.site import Site
from nfbatch.smoke_run import SmokeRun
from nfbatch.upload import Uploads


def smoke(
    *,
    fill: Annotated[
        int | None,
        typer.Option(
            "--fill",
            metavar="GIB",
            min=1,
            help="How much to write to scratch; default: 5 GiB more than its first size.",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="IMAGE", help="An image with bash, for the tasks."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SubmitJob request; submit nothing.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> int:
    """Prove that the deployment works, with a small run of at most ten minutes.

    It writes and reads S3, overfills the first size of the scratch disk, loses its head by
    terminating the head's instance if nothing else runs there, and reads the logs. It starts
    instances, which cost money. The exit status is 1 if something could not be proved.

    [bold]Examples[/]
    $ nfbatch smoke
    $ nfbatch smoke --fill 70 --json
    """
    aws = options.connect(profile, region)
    site = Site(aws, deployment.find(aws, deployment_name))
    fill_gib = fill or smoke_run.to_fill(site)
    words = ["--fill_gib", str(fill_gib), *(["--image", image] if image else [])]
    deadline = time.monotonic() + 60 * smoke_run.MINUTES
    # Deleted at the end, also after an interruption: the run has ended by then.
    with Uploads(site.deployment.uploads / uuid.uuid4().hex[:12]) as uploads:
        project = Project(str(smoke_run.PIPELINE), words, uploads, output.say)
        request = submission.request(
            name=submission.make_name("smoke"),
            queue=site.deployment.head_queue,
            job_definition=site.deployment.job_definition,
            words=project.words,
            variables={"NF_OWNER": owner.of(aws)},
            requirements={},
            share=site.deployment.head_share(site.deployment.head_queue),
            labels={},
            uploads=uploads,
        )
        if dry_run:
            output.print_json(request)
            return 0
        uploads.upload(aws, output.say)
        (job,) = submission.submit(aws, [request])
        (described,) = run.describe(aws, [job])
        started = SmokeRun(site, run.Run(described), fill_gib)
        try:
            started.watch(deadline)
        except BaseException:
            started.cancel()
            raise
    return _report(started, as_json=as_json)


def _report(done: SmokeRun, *, as_json: bool) -> int:
    proofs = done.proofs()
    if as_json:
        said: dict[str, Any] = {"run": done.head.as_json()}
        output.print_json({**said, "proofs": [each.as_json() for each in proofs]})
    else:
        for each in proofs:
            print(
                f"{'proved' if each.is_proved else 'NOT proved':<11} {each.what}: {each.evidence}"
            )
        took = output.duration(done.head.milliseconds)
        print(f"{done.head.name} ended as {done.head.state} after {took}")
    is_complete = all(each.is_proved for each in proofs) and done.head.state == "SUCCEEDED"
    return 0 if is_complete else Kind.RUN_FAILED
