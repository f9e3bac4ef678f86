"""How Nextflow is called: its command line and its environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nextflow_head.environment import Environment
from nextflow_head.session import Session


def command(session: Session, log: Path, arguments: Sequence[str]) -> list[str]:
    """The command line; the user's arguments stand last, each as it came.

    Args:
        session: The run's identity.
        log: The file for Nextflow's own log.
        arguments: The arguments of `nextflow run`.
    """
    own = []
    # Nextflow takes each of these once only.
    if "-name" not in arguments:
        own += ["-name", session.run_name]
    if session.cache and "-resume" not in arguments:
        own += ["-resume", session.id]
    return ["nextflow", "-log", str(log), "run", *own, *arguments]


def variables(
    container: Mapping[str, str],
    environment: Environment,
    session: Session,
    home: Path,
    heap: int | None,
) -> dict[str, str]:
    """Nextflow's environment: the container's, and what the head adds.

    Args:
        container: The container's environment; what it sets of the defaults below, stays.
        environment: What the head was told.
        session: The run's identity.
        home: Nextflow's home, where it reads the configuration of least precedence.
        heap: The Java heap in MiB, or None if the JVM decides.
    """
    defaults = {
        # For the log: whole lines instead of a display that redraws itself.
        "NXF_ANSI_LOG": "false",
        # Otherwise each start asks www.nextflow.io, without a time limit, for a newer version.
        "NXF_DISABLE_CHECK_LATEST": "true",
        # With the default of 5, a run ends 3 s after S3 or Batch begin to refuse connections.
        # Tasks get both too: Nextflow hands them on.
        "AWS_MAX_ATTEMPTS": "20",
        "AWS_RETRY_MODE": "standard",
    }
    added = {
        "NXF_HOME": str(home),
        "NXF_UUID": session.id,
        # Nextflow looks at one of them in some places, at the other in others.
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
    }
    if session.cache:
        added["NXF_CLOUDCACHE_PATH"] = str(session.cache)
        # The history is a file of the container before; without it, the session id decides.
        added["NXF_IGNORE_RESUME_HISTORY"] = "true"
    if heap:
        # A JVM without memory should end rather than limp. The last of two settings counts.
        own = f"-Xmx{heap}m -XX:+ExitOnOutOfMemoryError"
        added["NXF_JVM_ARGS"] = f"{own} {container.get('NXF_JVM_ARGS', '')}".strip()
    return {**defaults, **container, **added}
