"""The head: runs `nextflow run` with the arguments that it is given, as a Batch job."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nextflow_head import configuration, invocation, location, memory, plugin, project
from nextflow_head.environment import Environment, printable
from nextflow_head.evidence import Evidence
from nextflow_head.location import Location
from nextflow_head.process import Process
from nextflow_head.refusal import Refusal
from nextflow_head.session import Session


def main() -> int:
    """Runs Nextflow and returns its exit status, or 2 if there is nothing that can be run."""
    process = Process()
    try:
        return run(process, sys.argv[1:], os.environ)
    except Refusal as refusal:
        for line in refusal.lines:
            say(line)
        return refusal.status


def run(process: Process, arguments: Sequence[str], container: Mapping[str, str]) -> int:
    """Prepares, runs and documents one attempt.

    Args:
        process: What will be Nextflow.
        arguments: The arguments of `nextflow run`.
        container: The container's environment.

    Raises:
        Refusal: The run cannot start.
    """
    environment = Environment.read(container)
    plugins = plugin.baked(container)
    session = Session.of(environment, cloud_cache=plugin.CLOUD_CACHE in plugins)
    limit = memory.limit()
    heap = memory.heap(limit) if limit else None
    announce(container, session, limit, heap)

    folder = Path.cwd() / ".nextflow-head" / session.run_name
    shutil.rmtree(folder, ignore_errors=True)
    home, reports = folder / "home", folder / "evidence"
    arguments = with_project_at_hand(arguments, folder / "project", environment)
    for place in (home / "config", reports / "nextflow.config"):
        place.parent.mkdir(parents=True)
        place.write_text(configuration.render(environment, session, plugins, reports, heap))

    connect = partial(location.client, environment.region, environment.endpoint, attempts=8)
    with Evidence(reports, session.logs, connect, say) as evidence:

        def stopping(signal: str) -> None:
            say(f"{signal} was passed on to Nextflow, which now cancels its tasks")
            evidence.hurry()

        status = process.run(
            invocation.command(session, reports / ".nextflow.log", arguments),
            invocation.variables(container, environment, session, home, heap),
            stopping,
        )
    kept = "are" if evidence.kept else "could not be kept"
    say(f"Nextflow ended with status {status}; its logs and reports {kept} in {session.logs}")
    return status


def announce(
    container: Mapping[str, str], session: Session, limit: int | None, heap: int | None
) -> None:
    """Tells what this run is, and nothing of the environment that could be a secret."""
    say(f"run {session.run_name}, session {session.id}")
    for line in printable(container):
        say(line)
    if not session.cache:
        say(
            f"this image has no plugin {plugin.CLOUD_CACHE}: another attempt of this job will"
            " begin anew, as the tasks that are done are remembered in this container only"
        )
    if limit:
        say(f"memory: {limit} MiB, of which {heap} MiB are Nextflow's heap")


def with_project_at_hand(
    arguments: Sequence[str], folder: Path, environment: Environment
) -> list[str]:
    """The arguments, with a project in S3 replaced by a local copy of it.

    Raises:
        Refusal: No project is named, or it cannot be had.
    """
    if "-bg" in arguments:
        raise Refusal("-bg is refused: a container ends, and Nextflow with it, when its head does")
    index = project.position(arguments)
    if index is None and "-stdin" not in arguments:
        raise Refusal(
            "no pipeline is named: the container's command must be the arguments of `nextflow run`,"
            " such as hello, or nf-core/rnaseq -r 3.24.0 --outdir s3://my-bucket/results"
        )
    if index is None or not arguments[index].startswith("s3://"):
        return list(arguments)
    try:
        source = Location.parse(arguments[index])
    except ValueError:
        raise Refusal(
            f"the project {arguments[index]!r} is refused: it must be s3://BUCKET/FOLDER, or a"
            " .zip, .tar.gz or .tgz there"
        ) from None
    s3 = location.client(environment.region, environment.endpoint, attempts=20)
    staged = project.stage(source, folder, s3)
    return [*arguments[:index], str(staged), *arguments[index + 1 :]]


def say(line: str) -> None:
    """Tells the user a line; standard output is Nextflow's."""
    print(f"nextflow-head: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
