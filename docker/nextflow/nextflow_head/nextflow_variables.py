"""The environment variables of Nextflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nextflow_head import plugin
from nextflow_head.environment import Environment
from nextflow_head.plugin import Plugin
from nextflow_head.session import Session

#: The variable with the content of Nextflow's SCM file.
_GIT_CREDENTIALS = "NF_SCM"


def of(
    container: Mapping[str, str],
    environment: Environment,
    session: Session,
    home: Path,
    heap: int | None,
    *,
    plugins: Mapping[str, Plugin],
    tasks: Path,
    task_table: Path,
) -> dict[str, str]:
    """The container's environment, and what the head adds.

    Args:
        container: The container's environment; it overrides the defaults below.
        environment: The head's variables.
        session: The run's identity.
        home: Nextflow's home, where it reads the configuration of least precedence.
        heap: The Java heap in MiB, or None if the JVM decides.
        plugins: The plugins in the image, by name.
        tasks: The file in which the head's plugin counts tasks.
        task_table: The file in which it lists those that have ended.
    """
    defaults = {
        # For the log: whole lines instead of a display that redraws itself.
        "NXF_ANSI_LOG": "false",
        # Otherwise each start asks www.nextflow.io, without a time limit, for a newer version.
        "NXF_DISABLE_CHECK_LATEST": "true",
    }
    added = {
        "NXF_HOME": str(home),
        "NXF_UUID": session.id,
        "NXF_OPTS": environment.jvm_options,
        "NF_TASKS_FILE": str(tasks),
        "NF_TASK_TABLE": str(task_table),
        # Tasks get this too: Nextflow hands it on.
        "AWS_RETRY_MODE": environment.retry_mode,
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
        added["NXF_JVM_ARGS"] = f"{own} {environment.jvm_arguments}".strip()
    inherited = {name: value for name, value in container.items() if name != _GIT_CREDENTIALS}
    return {**defaults, **inherited, **added}


def write_git_credentials(environment: Environment, home: Path) -> None:
    """Puts the credentials of Git hosts where Nextflow looks for them, readable by nobody else.

    https://www.nextflow.io/docs/latest/git.html

    Args:
        environment: The head's variables, which AWS filled from Secrets Manager.
        home: Nextflow's home.
    """
    if environment.git_credentials:
        file = home / "scm"
        file.touch(mode=0o600)
        file.write_text(environment.git_credentials)
