"""What the ECS agent and Docker call for a container before it starts, and with which role.

With access control they need permission as on AWS. The calls themselves are not made: images are
the engine's, logs and secrets are read from inside.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local_aws.batch.container import Properties
from local_aws.batch.logs import LogStream
from local_aws.batch.place import Place
from local_aws.batch.references import instance_role_of
from local_aws.batch.runner import ContainerError

Authorize = Callable[["AgentCall"], str | None]
"""Returns why a call is denied, or None."""

_ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?/([^:@]+)")
_PULL = "CannotPullECRContainerError: "
_LOG = (
    "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
    "failed to create Cloudwatch log stream: "
)
_SECRET = "ResourceInitializationError: unable to pull secrets or registry auth: "  # noqa: S105


@dataclass(frozen=True)
class AgentCall:
    """One call.

    Attributes:
        place: The account and region.
        role: The role's ARN.
        session: The session's name.
        service: The service's signing name.
        operation: The operation.
        parameters: Its parameters.
    """

    place: Place
    role: str
    session: str
    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Agent:
    """The agent of the instance that runs an attempt.

    Attributes:
        place: The account and region.
        instance_profile: The instance's profile.
        task_id: The ECS task's id.
        authorize: Decides about its calls.
    """

    place: Place
    instance_profile: str | None
    task_id: str
    authorize: Authorize

    def check(self, properties: Properties, log: LogStream, *, create_group: bool) -> None:
        """Make sure that the agent may do what a container needs.

        Raises:
            ContainerError: It may not; the reason is the agent's.
        """
        role = properties.get("executionRoleArn")
        role, session = (role, self.task_id) if role else (self._instance_role(), "instance")
        if role is None:
            return
        for prefix, service, operation, parameters in _calls(properties, log, create_group):
            call = AgentCall(self.place, role, session, service, operation, parameters)
            denied = self.authorize(call)
            if denied:
                raise ContainerError(f"{prefix}AccessDeniedException: {denied}")

    def _instance_role(self) -> str | None:
        return instance_role_of(self.place, self.instance_profile)


def _calls(
    properties: Properties, log: LogStream, create_group: bool
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for secret in properties["secrets"]:
        yield _SECRET, "secretsmanager", "GetSecretValue", {"SecretId": secret["valueFrom"]}
    image = _ECR_IMAGE.match(properties["image"])
    if image:
        repository = {"registryId": image[1], "repositoryName": image[2]}
        yield _PULL, "ecr", "GetAuthorizationToken", {}
        yield _PULL, "ecr", "BatchGetImage", repository
        yield _PULL, "ecr", "GetDownloadUrlForLayer", repository
    group = {"logGroupName": log.group}
    stream = {**group, "logStreamName": log.name}
    if create_group:
        yield _LOG, "logs", "CreateLogGroup", group
    yield _LOG, "logs", "CreateLogStream", stream
    yield _LOG, "logs", "PutLogEvents", stream
