"""`nfbatch resume`."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import deployment, log_stream, options, output, owner, record, run, submission
from nfbatch.commands.logs import conclude
from nfbatch.error import Kind, NfbatchError
from nfbatch.s3_uri import S3Uri
from nfbatch.upload import Uploads

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run

_SUFFIX = re.compile(r"-resumed(?:-(\d+))?$")


def resume(
    *,
    name: options.RunName,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show the log until the run has ended.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SubmitJob request; submit nothing.")
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Launch a run again that has ended; tasks that were completed are not repeated.

    It gets the same arguments, queue, share and size. To change them, launch it again with `nfbatch
    launch --resume RUN`.

    [bold]Example[/]
    $ nfbatch resume --follow rnaseq-x7k2
    """
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    head = run.find(aws, target, name)
    if not head.has_ended:
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"{head.name} has not ended, and one run at a time can use a session: stop it with"
            f" `nfbatch cancel {head.name}`",
        )
    if record.read(aws, head.logs(target)) is None:
        raise NfbatchError(
            Kind.BAD_INPUT, f"{head.name} has not started, so there is nothing to resume"
        )
    needs = {
        entry["type"]: int(float(entry["value"]))
        for entry in head.job["container"].get("resourceRequirements", [])
    }
    scheduling = _scheduling(target, head)
    with Uploads(target.uploads / uuid.uuid4().hex[:12]) as uploads:
        request = submission.request(
            name=_next_name(head.name),
            queue=head.queue,
            job_definition=target.job_definition,
            words=_words(aws, head),
            variables={
                "NF_OWNER": owner.of(aws),
                "NF_RESUME": head.id,
                **scheduling,
            },
            requirements=needs,
            share=target.head_share(head.queue, scheduling.get("NF_SHARE")),
            labels=_labels(head),
            uploads=uploads,
        )
        if dry_run:
            output.print_json(request)
            return
        uploads.upload(aws, output.say)
        (job,) = submission.submit(aws, [request])
        uploads.keep()
    if as_json:
        made = {"id": job, "name": request["jobName"], "queue": request["jobQueue"]}
        output.print_json({"runs": [{**made, "deployment": target.name}]})
    else:
        print(f"{request['jobName']}  {job}")
    if follow:
        (found,) = run.describe(aws, [job])
        conclude(log_stream.follow(aws, run.Run(found), output.say if as_json else print))


def _words(aws: Aws, head: Run) -> list[str]:
    """The arguments of `nextflow run`, those in a file included."""
    words = head.command
    if file := head.variables.get("NF_ARGUMENTS"):
        text = record.content(aws, S3Uri.parse(file))
        if text is None:
            raise NfbatchError(
                Kind.BAD_INPUT, f"{file}, the arguments of {head.name}, does not exist any more"
            )
        more: list[str] = json.loads(text)
        words = [*words, *more]
    return words


def _scheduling(target: Deployment, head: Run) -> dict[str, str]:
    """The run's share and priority, where the queues still have shares.

    Raises:
        NfbatchError: They have shares, but the run's no more.
    """
    if target.shares is None:
        return {}
    share = head.variables.get("NF_SHARE")
    if share and not target.shares.has(share):
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"{head.name} belongs to the share {share}, which {target.name} has no more: use"
            f" `nfbatch launch --resume {head.name} --share` with one of"
            f" {', '.join(target.shares.names)}",
        )
    chosen = ("NF_SHARE", "NF_PRIORITY")
    return {name: value for name, value in head.variables.items() if name in chosen}


def _labels(head: Run) -> dict[str, Any]:
    """The tags that the user gave; the head's and the deployment's are not repeated."""
    own = ("nextflow-outcome", "nextflow-reason")
    return {
        key: value
        for key, value in head.tags.items()
        if key not in own and not key.startswith(("aws:", "nextflow-batch:"))
    }


def _next_name(name: str) -> str:
    found = _SUFFIX.search(name)
    number = int(found[1] or 1) + 1 if found else 1
    stem = name[: found.start()] if found else name
    suffix = "-resumed" if number == 1 else f"-resumed-{number}"
    return f"{stem[: submission.LONGEST_NAME - len(suffix)]}{suffix}"
