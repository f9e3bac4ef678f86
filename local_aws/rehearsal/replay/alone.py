"""A run without any Nextflow: only the AWS calls that it would make for `hello`."""

import hashlib
import signal
import threading
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from .executor import ENDED, Executor
from .settings import POLL_SECONDS, Settings
from .speech import LABEL, say
from .task import Task

GREETINGS = ("Bonjour", "Ciao", "Hello", "Hola")


def tasks(session: str) -> list[Task]:
    """The tasks of `hello`.

    Args:
        session: What makes this run's folders differ from another's.
    """
    hello: list[Task] = []
    for number, greeting in enumerate(GREETINGS, start=1):
        name = f"sayHello ({number})"
        digest = hashlib.sha256(f"{session} {name}".encode()).hexdigest()
        script = f"#!/bin/bash -ue\necho '{greeting} world!'\n"
        hello.append(Task(name, f"{digest[:2]}/{digest[2:32]}", script))
    return hello


def run(chosen: Settings, session: str, log: Path) -> int:
    """Submits the four tasks, waits for them and prints their greetings.

    Args:
        chosen: The executor's settings.
        session: The session's id.
        log: Where Nextflow would write its log.

    Returns:
        0, or 1 as Nextflow does for a failed task and for a run that was told to stop.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    log.write_text(
        f"{LABEL} session {session}; Nextflow is not installed here, so there is no more to log.\n"
    )
    executor = Executor(chosen)
    pending: dict[str, Task] = {}
    try:
        pending = {executor.submit(task): task for task in tasks(session) if not stopped.is_set()}
        code = 0
        while pending and code == 0 and not stopped.wait(POLL_SECONDS):
            code = _collect(executor, pending)
        if pending:
            say(f"Killing running tasks ({len(pending)})")
            executor.terminate(list(pending))
            return 1
    except (BotoCoreError, ClientError) as error:
        say(f"the run ends: {error}")
        return 1
    return code


def _collect(executor: Executor, pending: dict[str, Task]) -> int:
    """One DescribeJobs: prints what has ended and takes it off the list; 1 if one has failed."""
    answer = executor.describe(list(pending))
    for job_id, job in answer.items():
        if job["status"] not in ENDED:
            continue
        task = pending.pop(job_id)
        outcome = executor.outcome(task, job)
        print(outcome.out.decode(errors="replace"), end="", flush=True)
        if outcome.exit_code != 0:
            say(f"{task.name} failed with exit code {outcome.exit_code}. {outcome.reason}")
            return 1
    return 0
