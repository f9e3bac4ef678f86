"""The Nextflow process, and the head's duties as its parent and as PID 1."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO

from nextflow_head import memory
from nextflow_head.input_error import InputError
from nextflow_head.outcome import Outcome, State


class Stopped(SystemExit):
    """A signal told the head to stop before Nextflow had started.

    Attributes:
        signal: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)

    @property
    def outcome(self) -> Outcome:
        """The end of such a head."""
        line = f"cancelled: {self.signal.name} arrived while Nextflow was not running"
        return Outcome(State.CANCELLED, 128 + self.signal, line)


@dataclass(frozen=True)
class Exit:
    """How Nextflow ended.

    Attributes:
        status: Its exit status, or 128 and the signal that ended it, as a shell reports it.
        signal: The signal that stopped the head, if one did.
        out_of_memory: Whether the kernel killed it because the container's memory ran out.
        output: The end of what it printed.
    """

    status: int
    signal: signal.Signals | None
    out_of_memory: bool
    output: str = ""


class Process:
    """Nextflow as a child, from before its start to its end.

    The kernel drops signals that PID 1 has no handler for, so make this before anything else.
    A signal that arrives before Nextflow's start, or while the head waits to start it again, ends
    the head. The first one afterwards goes to Nextflow, which cancels its tasks and writes its
    reports; further ones would only disturb it, and are dropped.
    """

    def __init__(self) -> None:
        self._child: int | None = None
        self._starting = False
        self._stop: int | None = None
        self._on_stop: Callable[[str], None] = lambda name: None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def run(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        on_stop: Callable[[str], None],
    ) -> Exit:
        """Runs the command to its end.

        What it prints goes through the head to the head's own output: some errors of Nextflow, and
        the names of files that do not compile, are printed there but not in its log. It has a
        process group of its own, so that a Ctrl-C in a terminal reaches it once, not twice.

        Args:
            command: The command line; no shell reads it.
            variables: Its whole environment.
            on_stop: Called with a signal's name once that has been handed on. It runs in a signal
                handler, so it must not take a lock that this thread may hold.

        Raises:
            InputError: The command cannot be started.
        """
        self._on_stop = on_stop
        self._starting = True
        killed_before = memory.kills()
        try:
            child = subprocess.Popen(
                command,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            raise InputError(f"{command[0]} cannot be started: {error.strerror}") from error
        assert child.stdout and child.stderr  # noqa: S101, PT018 - tells mypy
        tails = [_Tail(child.stdout, 1), _Tail(child.stderr, 2)]
        self._child = child.pid
        if self._stop is not None:
            self._pass_on_signal(child.pid, self._stop)
        child.returncode = self._reap(child.pid)
        return Exit(
            child.returncode,
            None if self._stop is None else signal.Signals(self._stop),
            child.returncode == 128 + signal.SIGKILL and memory.kills() > killed_before,
            "\n".join(tail.read() for tail in tails),
        )

    def rest(self) -> None:
        """Lets a signal end the head until the next run.

        Raises:
            Stopped: One has come already.
        """
        self._starting = False
        if self._stop is not None:
            raise Stopped(self._stop)

    def _reap(self, child: int) -> int:
        # PID 1 inherits every orphan in the container.
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == child:
                self._child = None
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stop is not None:
            return
        self._stop = number
        if not self._starting:
            raise Stopped(number)
        if self._child is not None:
            self._pass_on_signal(self._child, number)

    def _pass_on_signal(self, child: int, number: int) -> None:
        os.kill(child, number)
        self._on_stop(signal.Signals(number).name)


class _Tail:
    """Passes on what a stream brings to a file descriptor of the head's, and keeps its end."""

    #: Bytes; more than the errors of a large pipeline that does not compile.
    _KEPT = 2**18
    #: Seconds to wait for the stream's end: a process that Nextflow left may hold it open.
    _PATIENCE = 2.0

    def __init__(self, stream: IO[bytes], target: int) -> None:
        self._stream = stream
        self._target = target
        self._end = bytearray()
        self._thread = threading.Thread(target=self._pass_on, name="output", daemon=True)
        self._thread.start()

    def read(self) -> str:
        """The end of the stream, once the process has ended."""
        self._thread.join(self._PATIENCE)
        return self._end.decode(errors="replace")

    def _pass_on(self) -> None:
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), 2**16):
                self._end += chunk
                if len(self._end) > 2 * self._KEPT:
                    del self._end[: -self._KEPT]
                left = memoryview(chunk)
                while left:
                    left = left[os.write(self._target, left) :]
