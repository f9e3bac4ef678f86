"""Job output in CloudWatch Logs, line by line while the job runs."""

import time
from typing import Any

from moto.logs.models import logs_backends

from local_aws.batch.container import Properties
from local_aws.batch.place import Place
from local_aws.batch.runner import ContainerError

DEFAULT_GROUP = "/aws/batch/job"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html: an event
# holds 256 KiB, of which CloudWatch Logs counts 26 bytes as its own.
_MAX_EVENT = 256 * 1024 - 26


class LogStream:
    """The stream of one attempt.

    Attributes:
        group: The log group.
        name: `<job definition>/default/<task id>`, as on AWS
            (https://docs.aws.amazon.com/batch/latest/userguide/using_awslogs.html).
    """

    def __init__(self, account_id: str, region: str, group: str, name: str) -> None:
        self.group = group
        self.name = name
        self._backend: Any = logs_backends[account_id][region]

    def open(self, *, create_group: bool) -> None:
        """Create the stream.

        Args:
            create_group: Whether a missing log group is made.

        Raises:
            ContainerError: There is no such log group.
        """
        if create_group:
            self._backend.ensure_log_group(self.group)
        elif self.group not in self._backend.groups:
            raise ContainerError(
                "CannotStartContainerError: Error response from daemon: failed to initialize "
                "logging driver: failed to create Cloudwatch log stream: "
                "ResourceNotFoundException: The specified log group does not exist."
            )
        self._backend.ensure_log_stream(self.group, self.name)

    def write(self, line: str) -> None:
        """Add one line; an empty one is dropped, as CloudWatch Logs has no empty events."""
        data = line.encode()
        chunks = [data[i : i + _MAX_EVENT] for i in range(0, len(data), _MAX_EVENT)]
        stamp = time.time_ns() // 1_000_000
        events = [
            {"timestamp": stamp, "message": chunk.decode(errors="replace")} for chunk in chunks
        ]
        # The log group may be deleted under a running job; AWS drops the lines too.
        if events and self.group in self._backend.groups:
            self._backend.ensure_log_stream(self.group, self.name)
            self._backend.put_log_events(self.group, self.name, events)


def stream_for(
    properties: Properties, place: Place, *, definition: str, task_id: str
) -> tuple[LogStream, bool]:
    """Find where an attempt's output goes.

    Args:
        properties: The job's effective container properties.
        place: The account and region of the job.
        definition: The job definition's name.
        task_id: The ECS task's id.

    Returns:
        The stream, and whether a missing log group is made for it.
    """
    configuration = properties.get("logConfiguration", {})
    options = configuration.get("options", {})
    group = options.get("awslogs-group", DEFAULT_GROUP)
    prefix = options.get("awslogs-stream-prefix", definition)
    created = group == DEFAULT_GROUP or options.get("awslogs-create-group") == "true"
    stream = LogStream(
        place.account_id,
        options.get("awslogs-region", place.region),
        group,
        f"{prefix}/default/{task_id}",
    )
    return stream, created
