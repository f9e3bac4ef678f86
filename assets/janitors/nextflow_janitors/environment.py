"""What a function knows about its deployment: variables that the stack sets."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """The variables.

    Attributes:
        deployment: Name of the deployment, the value of its tags.
        queues: Names of its queues.
        head: Name of the job definition of its heads.
        logs: S3 address of logs and run.json.
        repository: ECR repository with the images of heads.
        log_group: CloudWatch log group of its workers.
        topic: ARN of the topic for notifications.
        refusals: After how many refused boots in a row an environment is disabled.
    """

    deployment: str
    queues: tuple[str, ...] = ()
    head: str = ""
    logs: str = ""
    repository: str = ""
    log_group: str = ""
    topic: str = ""
    refusals: int = 0

    @classmethod
    def read(cls) -> Environment:
        """Read them; each function has those that it needs."""
        return cls(
            deployment=os.environ["DEPLOYMENT"],
            queues=tuple(filter(None, os.environ.get("QUEUES", "").split(","))),
            head=os.environ.get("HEAD", ""),
            logs=os.environ.get("LOGS", ""),
            repository=os.environ.get("REPOSITORY", ""),
            log_group=os.environ.get("LOG_GROUP", ""),
            topic=os.environ.get("TOPIC", ""),
            refusals=int(os.environ.get("REFUSALS", "0")),
        )
