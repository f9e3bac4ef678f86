"""Runs jobs as local processes, where there is no Docker engine."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock, Thread

from local_aws.batch.runner import Container, ContainerError, ContainerSpec, Exit

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")


class ProcessRunner:
    """Runs a job's command in its own process group and temporary directory.

    There is no isolation: memory limits, users, ulimits, tmpfs and shared memory are not
    enforced, and the job sees the laptop's file system. Host volumes are emulated by rewriting
    their container paths in the command and the environment.

    Attributes:
        worker_root: The folder that plays the worker's file system.
        entrypoints: What an image's ENTRYPOINT would run, by prefix of the image's name; the
            longest one that matches wins.
        environment: Variables for every job, such as PYTHONPATH for the entry points.
    """

    def __init__(self, worker_root: Path) -> None:
        self.worker_root = worker_root
        self.entrypoints: dict[str, Sequence[str]] = {}
        self.environment: dict[str, str] = {}

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        """Start the job's process; see `Runner`."""
        command = [*self._entrypoint(spec.image), *spec.command]
        if not command:
            raise ContainerError(
                "CannotStartContainerError: Error response from daemon: No command specified"
            )
        rewrite = self._rewriter(spec)
        folder = Path(tempfile.mkdtemp(prefix="batch-job-"))
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"HOME": str(folder), "TMPDIR": str(folder)}
        environment |= self.environment
        environment |= {name: rewrite(value) for name, value in spec.environment.items()}
        try:
            process = subprocess.Popen(
                [rewrite(argument) for argument in command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ContainerError(
                "CannotStartContainerError: Error response from daemon: failed to create task: "
                f'exec: "{command[0]}": {error.strerror}'
            ) from error
        return _JobProcess(process, folder, on_line)

    def _entrypoint(self, image: str) -> Sequence[str]:
        fitting = [prefix for prefix in self.entrypoints if image.startswith(prefix)]
        return self.entrypoints[max(fitting, key=len)] if fitting else ()

    def _rewriter(self, spec: ContainerSpec) -> Callable[[str], str]:
        # Jobs use the client there whether they mount it or not.
        paths = {"/opt/aws-cli": self.worker_root / "opt" / "aws-cli"}
        for mount in spec.mounts:
            if mount.source is not None:
                paths[mount.target] = worker_path(self.worker_root, mount.source)
        # Longest first, and only whole paths: /opt/aws-cli-2 is another one.
        names = "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))
        pattern = re.compile(rf"(?<![\w./-])({names})(?![\w.-])")
        return lambda text: pattern.sub(lambda match: str(paths[match[1]]), text)


def worker_path(root: Path, path: str) -> Path:
    """Map a path on the worker into the folder that plays its file system.

    Args:
        root: The folder.
        path: The path on the worker; one that lies in the folder already stays.

    Returns:
        The path on this machine, which is created as a folder if it is not there.
    """
    inside = Path(path) if Path(path).is_relative_to(root) else root / path.lstrip("/")
    resolved = inside.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise ContainerError(f"CannotCreateContainerError: volume {path} leaves the worker's root")
    if not resolved.exists():
        # Another job may make it at the same moment.
        resolved.mkdir(parents=True, exist_ok=True)
    return resolved


class _JobProcess:
    """One job's process; see `Container`."""

    def __init__(
        self, process: subprocess.Popen[bytes], folder: Path, on_line: Callable[[str], None]
    ) -> None:
        self._process = process
        self._folder = folder
        self._on_line = on_line
        self._lock = Lock()
        self._is_over = False
        self._reader = Thread(target=self._read, name=f"log-{process.pid}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._on_line(line.decode(errors="replace").rstrip("\r\n"))

    def wait(self) -> Exit:
        """Wait for the end; like a container's, its other processes end with the first one."""
        code = self._process.wait()
        with self._lock:
            self._kill_group()
            self._is_over = True
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return Exit(code=code if code >= 0 else 128 - code)

    def stop(self) -> None:
        """Send SIGTERM to the first process only, as Docker does to PID 1.

        A program that does not pass it on would be found out on AWS; so it is here.
        """
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process group."""
        with self._lock:
            # Afterwards the group's id may be another one's.
            if not self._is_over:
                self._kill_group()

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
