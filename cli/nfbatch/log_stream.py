"""Log streams in CloudWatch, read to their end and further while they grow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nfbatch import output, run
from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nfbatch.aws import Aws
    from nfbatch.run import Run

_DEFAULT_GROUP = "/aws/batch/job"
_POLL_SECONDS = 2.0
_pause = time.sleep


class LogStream:
    """A stream, and how far it was read.

    Args:
        aws: The account and region.
        group: The log group's name.
        stream: The stream's name.
    """

    def __init__(self, aws: Aws, group: str, stream: str) -> None:
        self._logs = aws.client("logs")
        self._request = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}

    def new_lines(self) -> list[str]:
        """The lines since the last call, from all pages; none if the stream does not exist yet."""
        lines: list[str] = []
        while True:
            try:
                page = self._logs.get_log_events(**self._request)
            except self._logs.exceptions.ResourceNotFoundException:
                return lines
            lines += [str(event["message"]) for event in page["events"]]
            token = page["nextForwardToken"]
            # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
            if token == self._request.get("nextToken"):
                return lines
            self._request["nextToken"] = token


class Log:
    """What all attempts of a job have printed, shown as far as it was not shown before.

    Args:
        aws: The account and region.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._streams: dict[str, LogStream] = {}

    def show(self, job: dict[str, Any], show: Callable[[str], None]) -> None:
        """Shows the new lines.

        Args:
            job: The job as DescribeJobs tells it.
            show: Prints a line.
        """
        for group, name in names(job):
            if name not in self._streams:
                if self._streams:
                    output.say("the next attempt:")
                self._streams[name] = LogStream(self._aws, group, name)
            for line in self._streams[name].new_lines():
                show(line)


def names(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Log group and stream of each attempt of a described job, in their order."""
    options = job.get("container", {}).get("logConfiguration", {}).get("options", {})
    group = options.get("awslogs-group", _DEFAULT_GROUP)
    containers = [attempt.get("container", {}) for attempt in job.get("attempts", [])]
    streams = [entry.get("logStreamName") for entry in (*containers, job.get("container", {}))]
    return [(group, stream) for stream in dict.fromkeys(streams) if stream]


def follow(aws: Aws, job: Run, show: Callable[[str], None]) -> Run:
    """Shows what a job prints, until it has ended.

    Args:
        aws: The account and region.
        job: The job.
        show: Prints a line.

    Returns:
        The job at its end.

    Raises:
        NfbatchError: It was interrupted.
    """
    try:
        return _follow(aws, job, show)
    except KeyboardInterrupt:
        raise NfbatchError(
            Kind.INTERRUPTED,
            f"the run goes on: `nfbatch logs -f {job.id[:8]}` follows it again",
        ) from None


def _follow(aws: Aws, job: Run, show: Callable[[str], None]) -> Run:
    log = Log(aws)
    state = ""
    while not job.has_ended:
        if job.state != state:
            state = job.state
            output.say(f"{job.name} is {state}")
        log.show(job.job, show)
        _pause(_POLL_SECONDS)
        job = refreshed(aws, job)
    log.show(job.job, show)
    # CloudWatch shows the last lines a moment after the end.
    _pause(_POLL_SECONDS)
    log.show(job.job, show)
    return job


def refreshed(aws: Aws, job: Run) -> Run:
    """The job as Batch describes it now."""
    found = run.describe(aws, [job.id])
    return run.Run(found[0]) if found else job
