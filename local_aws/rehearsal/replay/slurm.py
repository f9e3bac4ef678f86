"""The bridge between the real core and AWS Batch: a scheduler with Slurm's three commands.

The core can run tasks through Slurm without any plugin. Its `sbatch`, `squeue` and `scancel` are
answered here, by the replayed awsbatch executor: so the core itself decides which tasks run, when
they are killed and what a failure means, and writes its log and reports about these very tasks.
"""

import re
import socketserver
import sys
import threading
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from .executor import ENDED, Executor, Outcome
from .settings import POLL_SECONDS
from .speech import say
from .task import Task

_COMMANDS = ("sbatch", "squeue", "scancel")
_STATES = {"RUNNING": "R", "SUCCEEDED": "CD", "FAILED": "F"}

# Without `site` it starts in a fraction of the time; each task starts one.
_CLIENT = """#!{python} -SE
import os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    words = [os.path.basename(sys.argv[0]), os.getcwd(), *sys.argv[1:]]
    connection.sendall("\\0".join(words).encode())
    connection.shutdown(socket.SHUT_WR)
    code, _, text = connection.makefile().read().partition("\\n")
print(text, end="")
sys.exit(int(code or 1))
"""


class Slurm:
    """Answers Slurm's commands for as long as it is entered.

    Attributes:
        commands: The folder with the three commands, for PATH.
        lost: Set when AWS cannot be reached any more; Nextflow gives up then, and so must the run.
    """

    def __init__(self, executor: Executor, folder: Path) -> None:
        self.commands = folder / "bin"
        self.lost = threading.Event()
        self._executor = executor
        self._address = folder / "slurm"
        self._jobs: dict[str, tuple[Task, Path, str]] = {}
        self._ended: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._submitted = threading.Event()

    def __enter__(self) -> "Slurm":
        """Writes the commands and starts to answer them."""
        self.commands.mkdir()
        for name in _COMMANDS:
            command = self.commands / name
            # A virtual environment's path may have a blank, which the first line does not take.
            python = Path(sys.executable).resolve()
            command.write_text(_CLIENT.format(python=python, address=str(self._address)))
            command.chmod(0o755)
        answer = self.answer

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words = self.rfile.read().decode().split("\0")
                code, text = answer(words[0], Path(words[1]), words[2:])
                self.wfile.write(f"{code}\n{text}".encode())

        self._server = _Server(str(self._address), Handler)
        for work in (self._server.serve_forever, self._collect):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops answering."""
        self._stopped.set()
        self._submitted.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, command: str, cwd: Path, arguments: list[str]) -> tuple[int, str]:
        """Does one command.

        Args:
            command: `sbatch`, `squeue` or `scancel`.
            cwd: Where it was called; for `sbatch` the task's folder.
            arguments: Its arguments.

        Returns:
            Exit code and output.
        """
        try:
            if command == "sbatch":
                return 0, f"Submitted batch job {self._submit(cwd)}\n"
            if command == "squeue":
                return 0, "".join(f"{number} {state}\n" for number, state in self._states())
            with self._lock:
                known = [self._jobs[n][2] for n in arguments if n in self._jobs]
            self._executor.terminate(known)
        except (BotoCoreError, ClientError) as error:
            say(f"{command}: {error}")
            return 1, f"{error}\n"
        return 0, ""

    def _submit(self, folder: Path) -> str:
        """Submits the task whose folder it is, and gives it a number, as Slurm does."""
        task = _task(folder)
        job_id = self._executor.submit(task)
        with self._lock:
            number = str(len(self._jobs) + 1)
            self._jobs[number] = (task, folder, job_id)
        self._submitted.set()
        return number

    def _states(self) -> list[tuple[str, str]]:
        """Each job's number and Slurm's letters for its state."""
        with self._lock:
            return [(number, self._ended.get(number, "R")) for number in self._jobs]

    def _collect(self) -> None:
        """Asks Batch for the jobs at Nextflow's interval and brings home what has ended."""
        self._submitted.wait()
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self._collect_once()
            except ClientError as error:
                # Nextflow asks again later, too.
                say(f"batch:DescribeJobs failed: {error}")
            except BotoCoreError as error:
                say(f"AWS cannot be reached: {error}; Nextflow would give up, so the run ends")
                self.lost.set()
                return

    def _collect_once(self) -> None:
        """One DescribeJobs, and the results of the jobs that have ended."""
        with self._lock:
            open_jobs = {n: job for n, job in self._jobs.items() if n not in self._ended}
        if not open_jobs:
            return
        answer = self._executor.describe([job_id for _, _, job_id in open_jobs.values()])
        for number, (task, folder, job_id) in open_jobs.items():
            job = answer.get(job_id, {})
            if job.get("status") in ENDED:
                _bring_home(folder, self._executor.outcome(task, job))
                with self._lock:
                    self._ended[number] = _STATES[job["status"]]


class _Server(socketserver.ThreadingUnixStreamServer):
    """A socket whose handlers end with the program."""

    daemon_threads = True
    request_queue_size = 64


def _task(folder: Path) -> Task:
    """Reads the task out of the folder that the core wrote for Slurm."""
    launcher = (folder / ".command.run").read_text()

    name = re.search(r"^### name: '(.*)'$", launcher, flags=re.MULTILINE)
    return Task(
        name=name[1] if name else folder.name,
        folder=f"{folder.parent.name}/{folder.name}",
        script=(folder / ".command.sh").read_text(),
    )


def _bring_home(folder: Path, outcome: Outcome) -> None:
    """Puts a task's results where the core looks for them; the exit code last, as the signal."""
    if outcome.reason:
        say(f"{folder.parent.name}/{folder.name} failed: {outcome.reason}")
    (folder / ".command.out").write_bytes(outcome.out)
    (folder / ".command.err").write_bytes(outcome.err or outcome.reason.encode())
    (folder / ".command.begin").touch()
    temporary = folder / ".exitcode.part"
    temporary.write_text(str(outcome.exit_code))
    temporary.rename(folder / ".exitcode")
