"""This instance's place in the ECS cluster."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from nextflow_worker.error import WorkerError
from nextflow_worker.remedy import remedy

if TYPE_CHECKING:
    from nextflow_worker.events import Events
    from nextflow_worker.host import Host
    from nextflow_worker.service import Service

#: Where the ECS agent tells who it is.
#: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-introspection.html
AGENT = "http://localhost:51678/v1/metadata"
#: ECS keeps the state over restarts and reboots, so it is remembered whose doing it was.
DRAINED = "/var/lib/nextflow-batch/drained"
#: How soon a change that failed is tried again, in seconds.
RETRY_SECONDS = 30.0


class ContainerInstance:
    """Takes the instance out of the choice for further tasks, and back in; running ones stay.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html

    Attributes:
        drained: Whether it was taken out, by us.
    """

    def __init__(self, host: Host, ecs: Service, events: Events, agent: str = AGENT) -> None:
        """Take the instance, ECS and where the agent answers."""
        self.drained = host.path(DRAINED).exists()
        self._host = host
        self._ecs = ecs
        self._events = events
        self._agent = agent
        self._not_before = 0.0

    def drain(self, reason: str) -> None:
        """Let no further task come here."""
        if not self.drained and self._change("DRAINING", reason):
            self._host.write(DRAINED, reason)
            self.drained = True
            self._events.emit(
                "full", reason=reason, consequence="no new tasks start here", **remedy(reason)
            )

    def rejoin(self) -> None:
        """Let tasks come again."""
        if self.drained and self._change("ACTIVE", "there is space again"):
            self._host.path(DRAINED).unlink(missing_ok=True)
            self.drained = False
            self._events.emit("free", consequence="new tasks can start here")

    def _change(self, state: str, reason: str) -> bool:
        if self._host.now() < self._not_before:
            return False
        try:
            self._update(state)
        except WorkerError as refusal:
            self._not_before = self._host.now() + RETRY_SECONDS
            self._events.emit("not drained", wanted=state, because=reason, reason=str(refusal))
            return False
        return True

    def _update(self, state: str) -> None:
        try:
            with urllib.request.urlopen(self._agent, timeout=2) as answer:  # noqa: S310 - our own
                who = json.load(answer)
            cluster, instance = str(who["Cluster"]), str(who["ContainerInstanceArn"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            message = f"the ECS agent did not return its container instance: {error}"
            raise WorkerError(message) from error
        answer = self._ecs.call(
            "UpdateContainerInstancesState",
            cluster=cluster,
            containerInstances=[instance],
            status=state,
        )
        for failure in answer.get("Failures", []):
            raise WorkerError(str(failure.get("Reason", failure)))
