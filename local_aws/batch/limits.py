"""The quotas and patterns that users meet.

https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
"""

import json
import re
from typing import Any

from local_aws.batch import container, retry
from local_aws.batch.errors import ClientException, request_error

MAX_QUEUES = 50
MAX_COMPUTE_ENVIRONMENTS = 50
MAX_ENVIRONMENTS_PER_QUEUE = 3
MAX_DESCRIBED_JOBS = 100
MAX_TAGS = 50
MAX_OVERRIDES = 8192
OVERRIDES_TOO_LONG = f"Container Overrides length must be at most {MAX_OVERRIDES}"

_KIB = 1024
_MAX_JOB_KIB = 30
_MAX_DEFINITION_KIB = 24
_MIN_TIMEOUT = 60
# At least 4 MiB, and a vCPU or GPU of some size:
# https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
_MIN_MEMORY_MIB = 4
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_ARRAY_SIZES = range(2, 10_001)
_PRIORITIES = range(10_000)
_TIME_LIMITS = range(600, 86_401)
_BLOCKING_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_name(member: str, name: str) -> None:
    """Refuse a name of a job or a job definition that AWS refuses.

    Args:
        member: The request's member, for the message.
        name: The name.

    Raises:
        ClientException: It does not match the pattern.
    """
    if not _NAME.fullmatch(name):
        raise request_error(f"{member} {name} should match valid pattern: ^{_NAME.pattern}$")


def check_resource_name(member: str, name: str) -> None:
    """Refuse a name of a queue or a compute environment that AWS refuses."""
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise request_error(
            f"{member} {name} should match valid pattern: ^{_ENVIRONMENT_NAME.pattern}$"
        )


def check_time_limits(actions: list[dict[str, Any]]) -> None:
    """Refuse a queue's `jobStateTimeLimitActions` that AWS refuses.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_JobStateTimeLimitAction.html

    Args:
        actions: The actions.

    Raises:
        ClientException: One has a time that is not allowed, or a reason that does not exist.
    """
    for action in actions:
        if action["maxTimeSeconds"] not in _TIME_LIMITS:
            raise request_error("maxTimeSeconds must be between 600 and 86400")
        if action["reason"] not in _BLOCKING_REASONS:
            raise request_error("Invalid job reason")


def check_tags(tags: dict[str, str]) -> None:
    """Refuse tags that AWS refuses: too many, reserved or too long."""
    if len(tags) > MAX_TAGS:
        raise request_error(f"tags must have at most {MAX_TAGS} entries")
    for key, value in tags.items():
        if key.lower().startswith("aws:") or not 1 <= len(key) <= 128 or len(value) > 256:  # noqa: PLR2004 - Tag's limits
            raise request_error(f"tag {key} is not valid")


def _kib(request: dict[str, Any]) -> int:
    size = len(json.dumps(request, separators=(",", ":")).encode())
    return -(-size // _KIB)


def check_submission(request: dict[str, Any]) -> None:
    """Refuse a SubmitJob request that breaks a limit.

    The literal message about the size: https://github.com/ASFHyP3/hyp3/issues/3041.

    Args:
        request: The checked request.

    Raises:
        ClientException: It breaks one.
    """
    check_name("Job name", request["jobName"])
    size = _kib(request)
    if size > _MAX_JOB_KIB:
        raise request_error(f"Job size must be less than {_MAX_JOB_KIB} KiB, got {size} KiB")
    for member in ("nodeOverrides", "eksPropertiesOverride", "ecsPropertiesOverride"):
        if member in request:
            raise ClientException(f"{member}: the local AWS runs single-container jobs only")
    array = request.get("arrayProperties", {})
    if "size" in array and array["size"] not in _ARRAY_SIZES:
        raise request_error("Array size must be between 2 and 10000")
    if request.get("dependsOn"):
        raise ClientException("dependsOn: on the local AWS no job waits for another")
    if request.get("schedulingPriorityOverride", 0) not in _PRIORITIES:
        raise request_error("schedulingPriorityOverride must be between 0 and 9999")
    overrides = request.get("containerOverrides", {})
    _check_requirements(overrides)
    _check_environment(overrides.get("environment", []))
    if "" in overrides.get("command", []):
        raise request_error("containerOverrides.command can't contain an empty string")
    _check_run(request)


def check_definition(request: dict[str, Any]) -> None:
    """Refuse a RegisterJobDefinition request that breaks a limit.

    Args:
        request: The checked request.

    Raises:
        ClientException: It breaks one, or needs what the local AWS does not have.
    """
    check_name("jobDefinitionName", request["jobDefinitionName"])
    size = _kib(request)
    if size > _MAX_DEFINITION_KIB:
        raise request_error(
            f"Job definition size must be less than {_MAX_DEFINITION_KIB} KiB, got {size} KiB"
        )
    for member in ("nodeProperties", "eksProperties", "ecsProperties"):
        if member in request:
            raise ClientException(f"{member}: the local AWS runs containerProperties only")
    if "containerProperties" not in request:
        raise request_error("containerProperties must be specified")
    _check_container(request["containerProperties"])
    _check_run(request)


def _check_container(properties: dict[str, Any]) -> None:
    if not properties.get("image"):
        raise request_error("Container image is required")
    _check_requirements(properties)
    if not container.requirement(properties, "VCPU"):
        raise request_error("Container properties should contain vcpus greater than 0")
    if not container.requirement(properties, "MEMORY"):
        raise request_error(f"Container memory must be at least {_MIN_MEMORY_MIB} MiB")
    if properties.get("secrets") and not properties.get("executionRoleArn"):
        # ECS's words, to which Batch hands the container:
        # https://github.com/fabfuel/ecs-deploy/issues/87
        raise request_error(
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'"
        )
    _check_environment(properties.get("environment", []))


def _check_requirements(properties: dict[str, Any]) -> None:
    """Refuse amounts that no container can have, in a definition or in its overrides."""
    amounts = [(item["type"], item["value"]) for item in properties.get("resourceRequirements", [])]
    for kind, deprecated in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if deprecated in properties:
            amounts.append((kind, str(properties[deprecated])))
    for kind, value in amounts:
        if kind == "VCPU":
            allowed = "a number greater than 0"
            holds = _NUMBER.fullmatch(value) and float(value) > 0
        else:
            least = _MIN_MEMORY_MIB if kind == "MEMORY" else 1
            allowed = f"a whole number of at least {least}"
            holds = _WHOLE_NUMBER.fullmatch(value) and int(value) >= least
        if not holds:
            raise request_error(f"{kind} requirement {value} must be {allowed}")


def _check_environment(environment: list[dict[str, str]]) -> None:
    for variable in environment:
        if not variable.get("name"):
            raise request_error("Environment variable name is required")
        if variable["name"].startswith("AWS_BATCH"):
            raise request_error(
                f"Environment variable {variable['name']} must not start with AWS_BATCH"
            )


def _check_run(request: dict[str, Any]) -> None:
    retry.check_strategy(request.get("retryStrategy", {}))
    if request.get("timeout", {}).get("attemptDurationSeconds", _MIN_TIMEOUT) < _MIN_TIMEOUT:
        raise request_error(f"timeout.attemptDurationSeconds must be at least {_MIN_TIMEOUT}")
    check_tags(request.get("tags", {}))
