"""How Nextflow is called: its command line and its environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nextflow_head import plugin
from nextflow_head.environment import Environment
from nextflow_head.plugin import Plugin
from nextflow_head.session import Session

#: The variable with the content of Nextflow's file of Git credentials.
GIT_SECRET = "NF_SCM"  # noqa: S105 - a name


def command(session: Session, log: Path, arguments: Sequence[str]) -> list[str]:
    """The command line; the user's arguments stand last, each as it came.

    Args:
        session: The run's identity.
        log: The file for Nextflow's own log.
        arguments: The arguments of `nextflow run`.
    """
    # Nextflow takes it once only.
    own = [] if "-name" in arguments else ["-name", session.run_name]
    return ["nextflow", "-log", str(log), "run", *own, *arguments]


def leaves_tasks(arguments: Sequence[str], container: Mapping[str, str]) -> bool:
    """Whether the user wants tasks to go on when Nextflow ends before them.

    https://www.nextflow.io/docs/latest/reference/env-vars.html

    Args:
        arguments: The arguments of `nextflow run`.
        container: The container's environment.
    """
    return "-disable-jobs-cancellation" in arguments or bool(
        container.get("NXF_DISABLE_JOBS_CANCELLATION")
    )


def variables(
    container: Mapping[str, str],
    environment: Environment,
    session: Session,
    home: Path,
    heap: int | None,
    *,
    plugins: Mapping[str, Plugin],
    tasks: Path,
) -> dict[str, str]:
    """Nextflow's environment: the container's, and what the head adds.

    Args:
        container: The container's environment; what it sets of the defaults below, stays.
        environment: What the head was told.
        session: The run's identity.
        home: Nextflow's home, where it reads the configuration of least precedence.
        heap: The Java heap in MiB, or None if the JVM decides.
        plugins: The plugins that the image brings, by name.
        tasks: The file in which the head's plugin counts tasks.
    """
    defaults = {
        # For the log: whole lines instead of a display that redraws itself.
        "NXF_ANSI_LOG": "false",
        # Otherwise each start asks www.nextflow.io, without a time limit, for a newer version.
        "NXF_DISABLE_CHECK_LATEST": "true",
        # The JVM's optimizing compiler would work for seconds on code that runs for moments: a
        # start took 6.0 s of CPU time with it, 3.5 s without.
        "NXF_OPTS": "-XX:TieredStopAtLevel=1",
        # Tasks get this too: Nextflow hands it on.
        "AWS_RETRY_MODE": "standard",
    }
    added = {
        "NXF_HOME": str(home),
        "NXF_UUID": session.id,
        "NF_TASKS_FILE": str(tasks),
        "AWS_MAX_ATTEMPTS": str(environment.max_attempts),
        # Nextflow looks at one of them in some places, at the other in others.
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
    }
    if pinned := plugin.always(plugins):
        added["NXF_PLUGINS_DEFAULT"] = pinned
    if plugin.CLOUD_CACHE in plugins:
        added["NXF_CLOUDCACHE_PATH"] = str(session.cache)
        # The history is a file of the container before; without it, the session id decides.
        added["NXF_IGNORE_RESUME_HISTORY"] = "true"
    if heap:
        # A JVM without memory should end rather than limp. The last of two settings counts.
        own = f"-Xmx{heap}m -XX:+ExitOnOutOfMemoryError"
        added["NXF_JVM_ARGS"] = f"{own} {container.get('NXF_JVM_ARGS', '')}".strip()
    inherited = {name: value for name, value in container.items() if name != GIT_SECRET}
    return {**defaults, **inherited, **added}


def hand_over_git_secret(container: Mapping[str, str], home: Path) -> None:
    """Puts the credentials of Git hosts where Nextflow looks for them, readable by nobody else.

    https://www.nextflow.io/docs/latest/git.html

    Args:
        container: The container's environment, which AWS filled from Secrets Manager.
        home: Nextflow's home.
    """
    if container.get(GIT_SECRET):
        file = home / "scm"
        file.touch(mode=0o600)
        file.write_text(container[GIT_SECRET])
