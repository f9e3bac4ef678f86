"""From a job definition and a submission's overrides to one container."""

import json
import re
from collections.abc import Mapping
from typing import Any

from local_aws.batch.request import service_model
from local_aws.batch.runner import ContainerError, ContainerSpec, Mount, Tmpfs, Ulimit

Properties = dict[str, Any]
"""Container properties in the API's own form, as RegisterJobDefinition takes them."""

_LISTS = ("command", "environment", "mountPoints", "resourceRequirements", "secrets", "ulimits")


def with_defaults(properties: Properties) -> Properties:
    """Add the empty lists that DescribeJobDefinitions always shows."""
    return {name: [] for name in (*_LISTS, "volumes")} | properties


def effective(
    properties: Properties, overrides: Properties, parameters: Mapping[str, str]
) -> Properties:
    """Merge a submission's overrides into a definition's properties.

    Args:
        properties: The job definition's container properties.
        overrides: The submission's `containerOverrides`.
        parameters: What replaces `Ref::name` in the command
            (https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html#parameters).

    Returns:
        The properties that the container runs with.
    """
    merged = with_defaults(properties)
    merged["environment"] = _by_key("name", merged["environment"], overrides.get("environment", []))
    merged["resourceRequirements"] = _by_key(
        "type", merged["resourceRequirements"], overrides.get("resourceRequirements", [])
    )
    for name in ("vcpus", "memory"):
        if name in overrides:
            merged[name] = overrides[name]
    command = overrides.get("command") or merged["command"]
    merged["command"] = [_substituted(argument, parameters) for argument in command]
    return merged


def _by_key(
    key: str, base: list[dict[str, str]], over: list[dict[str, str]]
) -> list[dict[str, str]]:
    return list({item[key]: dict(item) for item in [*base, *over]}.values())


def _substituted(argument: str, parameters: Mapping[str, str]) -> str:
    return re.sub(
        r"Ref::([A-Za-z0-9_-]+)", lambda match: parameters.get(match[1], match[0]), argument
    )


def requirement(properties: Properties, kind: str) -> float:
    """Read one resource requirement.

    Args:
        properties: Container properties.
        kind: `VCPU`, `MEMORY` (MiB) or `GPU`.

    Returns:
        The amount; 0 if none is stated.
    """
    for item in properties.get("resourceRequirements", []):
        if item["type"] == kind:
            return float(item["value"])
    deprecated = {"VCPU": "vcpus", "MEMORY": "memory"}.get(kind, "")
    return float(properties.get(deprecated, 0))


def overrides_length(overrides: Properties) -> int:
    """Count what ECS counts against its limit on a task's overrides.

    "This limit includes the JSON formatting characters of the override structure"
    (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html). Batch adds
    variables of its own, of a length that AWS does not document; they are not counted here.

    Args:
        overrides: The submission's `containerOverrides`.

    Returns:
        The length in characters.
    """
    shown = {name: overrides[name] for name in ("command", "environment") if name in overrides}
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False)) if shown else 0


def detail(properties: Properties) -> Properties:
    """Show properties as DescribeJobs does (its `ContainerDetail`)."""
    known = service_model().shape_for("ContainerDetail").members  # type: ignore[attr-defined]
    shown = {name: value for name, value in properties.items() if name in known}
    return {"privileged": False, "readonlyRootFilesystem": False, "networkInterfaces": []} | shown


def specify(
    properties: Properties, *, name: str, job_id: str, environment: Mapping[str, str]
) -> ContainerSpec:
    """Translate properties into what a runner is told.

    Args:
        properties: Effective container properties.
        name: The container's name.
        job_id: The job's id.
        environment: The complete environment.

    Returns:
        The specification.

    Raises:
        ContainerError: A mount point names an unknown volume, or one of a kind that this local
            AWS does not have.
    """
    linux = properties.get("linuxParameters", {})
    shares = {} if "swappiness" not in linux else {"swappiness": int(linux["swappiness"])}
    return ContainerSpec(
        name=name,
        job_id=job_id,
        image=properties["image"],
        command=tuple(properties["command"]),
        environment=dict(environment),
        vcpus=requirement(properties, "VCPU"),
        memory_mib=int(requirement(properties, "MEMORY")),
        gpus=int(requirement(properties, "GPU")),
        user=properties.get("user"),
        privileged=properties.get("privileged", False),
        read_only_root=properties.get("readonlyRootFilesystem", False),
        mounts=_mounts(properties),
        ulimits=tuple(
            Ulimit(name=limit["name"], soft=limit["softLimit"], hard=limit["hardLimit"])
            for limit in properties["ulimits"]
        ),
        tmpfs=tuple(
            Tmpfs(
                target=entry["containerPath"],
                size_mib=entry["size"],
                options=tuple(entry.get("mountOptions", ())),
            )
            for entry in linux.get("tmpfs", [])
        ),
        shared_memory_mib=linux.get("sharedMemorySize"),
        swap_mib=linux.get("maxSwap", 0),
        init=linux.get("initProcessEnabled", False),
        **shares,
    )


def _mounts(properties: Properties) -> tuple[Mount, ...]:
    volumes = {volume["name"]: volume for volume in properties["volumes"]}
    return tuple(_mount(point, volumes) for point in properties["mountPoints"])


def _mount(point: dict[str, Any], volumes: Mapping[str, dict[str, Any]]) -> Mount:
    volume = volumes.get(point["sourceVolume"])
    if volume is None:
        raise ContainerError(
            f"CannotCreateContainerError: unknown volume {point['sourceVolume']} in mountPoints"
        )
    if set(volume) & {"efsVolumeConfiguration", "s3filesVolumeConfiguration"}:
        raise ContainerError(
            f"CannotCreateContainerError: volume {volume['name']}: the local AWS has host "
            "volumes only"
        )
    return Mount(
        source=volume.get("host", {}).get("sourcePath"),
        target=point["containerPath"],
        read_only=point.get("readOnly", False),
    )
