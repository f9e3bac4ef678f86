"""`nfbatch launch`."""

from __future__ import annotations

import re
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfbatch import (
    deployment,
    local_files,
    log_stream,
    options,
    output,
    owner,
    run,
    sample_table,
    submission,
)
from nfbatch.commands.logs import conclude
from nfbatch.error import Kind, NfbatchError
from nfbatch.project import Project
from nfbatch.upload import Uploads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nfbatch.aws import Aws
    from nfbatch.deployment import Deployment

# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
_LABEL = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}?=[\w .:/=+@-]{0,256}")


def launch(
    ctx: typer.Context,
    *,
    project: Annotated[
        str,
        typer.Argument(
            metavar="PROJECT",
            help="As for `nextflow run`: a name, owner/repo, an address, s3://BUCKET/FOLDER, or a"
            " local folder, script or archive.",
            show_default=False,
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NEXTFLOW ARGUMENTS",
            help="As for `nextflow run`, such as -r, -profile, -params-file, -c, --input. Local"
            " files are uploaded.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the run; default: from the project."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="Tag of the job; repeat for more."),
    ] = None,
    queue: Annotated[
        str | None, typer.Option("--queue", metavar="NAME", help="Queue of the head.")
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            "--share", metavar="NAME", help="Whose share of the queues the run takes; see settings."
        ),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            "--priority",
            metavar="N",
            min=0,
            max=9999,
            help="Tasks of a higher priority are started first among those of their share.",
        ),
    ] = None,
    head_vcpus: Annotated[
        int | None, typer.Option("--head-vcpus", metavar="N", min=1, help="vCPUs of the head.")
    ] = None,
    head_memory: Annotated[
        int | None,
        typer.Option("--head-memory", metavar="MIB", min=512, help="Memory of the head in MiB."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="Continue the session of an earlier run."),
    ] = None,
    each: Annotated[
        Path | None,
        typer.Option(
            "--each",
            metavar="TABLE",
            help="One run for each row of a CSV or TSV file; {column} in an argument is replaced"
            " by the row's value.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show the log until the run has ended.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the SubmitJob request; upload and submit nothing."),
    ] = False,
    profile: options.Profile = None,
    region: options.Region = None,
    deployment_name: options.DeploymentName = None,
    as_json: options.Json = False,
) -> None:
    """Launch a run.

    Options of nfbatch come before PROJECT, those of Nextflow after it. A revision is pinned to its
    commit, so that each attempt of the run runs the same.

    [bold]Examples[/]
    $ nfbatch launch --follow hello
    $ nfbatch launch nf-core/rnaseq -r 3.24.0 -profile test --outdir s3://bucket/out
    $ nfbatch launch --name trial . -params-file params.yaml
    $ nfbatch launch --each samples.csv . --input {fastq} --outdir s3://bucket/{sample}
    """
    arguments = _own_words(ctx, words or [])
    if each and (follow or resume):
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--each is not allowed together with {'--follow' if follow else '--resume'}",
        )
    tags = dict(_label(text) for text in labels or [])
    template = submission.check_name(name) if name and not each else name
    aws = options.connect(profile, region)
    target = deployment.find(aws, deployment_name)
    if queue and queue not in target.queues:
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--queue {queue} is not allowed: {target.name} has {', '.join(target.queues)}",
        )
    chosen_queue = queue or target.head_queue
    head_share = target.head_share(chosen_queue, share)
    variables = {"NF_OWNER": owner.of(aws)}
    variables |= _scheduling(target, share, priority)
    if resume:
        variables["NF_RESUME"] = _resumed(aws, target, resume)
    build = partial(
        submission.request,
        queue=chosen_queue,
        job_definition=target.job_definition,
        variables=variables,
        requirements={"VCPU": head_vcpus, "MEMORY": head_memory},
        share=head_share,
        labels=tags,
    )
    say = _once()
    with Uploads(target.uploads / uuid.uuid4().hex[:12]) as uploads:
        requests: list[dict[str, Any]] = []
        for number, row in enumerate(_rows(each, [project, *arguments, name or ""]), 1):
            chosen, *rest = (sample_table.filled(word, row) for word in (project, *arguments))
            words_of_run = local_files.uploaded(Project(chosen, rest, uploads, say), uploads, say)
            requests.append(
                build(
                    name=_name(template, row, chosen, number if each else None),
                    words=words_of_run,
                    uploads=uploads,
                )
            )
        if dry_run:
            output.print_json(requests if each else requests[0])
            return
        uploads.upload(aws, say)
        jobs = submission.submit(aws, requests)
        uploads.keep()
    _report(target, requests, jobs, as_json=as_json)
    if follow:
        (head,) = run.describe(aws, jobs)
        # Standard output has only the JSON.
        show = output.say if as_json else print
        conclude(log_stream.follow(aws, run.Run(head), show))


def _own_words(ctx: typer.Context, words: Sequence[str]) -> list[str]:
    """The arguments of Nextflow; options of nfbatch among them are probably meant for it."""
    if words[:1] == ["--"]:
        return list(words[1:])
    known = {name for option in ctx.command.params for name in option.opts if len(name) > len("-f")}
    for word in words:
        if word.partition("=")[0] in known - {"--name", "--region", "--profile", "--queue"}:
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"{word} after the project would be a parameter of the pipeline: put it before the"
                " project; if it is one, put -- after the project",
            )
    return list(words)


def _label(text: str) -> tuple[str, str]:
    if not _LABEL.fullmatch(text):
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--label {text} is not allowed: it must be KEY=VALUE of letters, digits, spaces and"
            " . : / = + @ - _, such as project=cohort-7",
        )
    key, _, value = text.partition("=")
    return key, value


def _scheduling(target: Deployment, share: str | None, priority: int | None) -> dict[str, str]:
    if priority is not None and target.shares is None:
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--priority {priority} is not allowed: the queues of {target.name} have no shares",
        )
    return {
        **({"NF_SHARE": share} if share else {}),
        **({"NF_PRIORITY": str(priority)} if priority is not None else {}),
    }


def _resumed(aws: Aws, target: Deployment, name: str) -> str:
    found = run.find(aws, target, name)
    if not found.has_ended:
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--resume {name}: {found.name} has not ended, and one run at a time can use a session",
        )
    return found.id


def _rows(each: Path | None, words: Sequence[str]) -> list[dict[str, str]]:
    return sample_table.read(each, words) if each else [{}]


def _name(template: str | None, row: dict[str, str], project: str, number: int | None) -> str:
    if template is None:
        return submission.make_name(project)
    filled = sample_table.filled(template, row) if number else template
    is_same = number is not None and filled == template
    return submission.check_name(f"{filled}-{number}" if is_same else filled)


def _once() -> Any:
    """Prints each line once: the runs of a table have much in common."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            output.say(line)

    return say


def _report(
    target: Deployment, requests: Sequence[dict[str, Any]], jobs: Sequence[str], *, as_json: bool
) -> None:
    runs = [
        {"id": job, "name": each["jobName"], "queue": each["jobQueue"], "deployment": target.name}
        for each, job in zip(requests, jobs, strict=True)
    ]
    if as_json:
        output.print_json({"runs": runs})
        return
    for entry in runs:
        print(f"{entry['name']}  {entry['id']}")
    if sys.stdout.isatty() and len(runs) == 1:
        output.say(f"its log: nfbatch logs -f {runs[0]['name']}")
