"""Every change of one setting that the model of the settings knows, from a base and back."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stacks import settings_file
from stacks.settings import Settings
from tests.support.local_aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]
_LONG = 30

#: What all pairs begin or end with; small, so that a pair takes seconds.
BASE: Document = {
    "deployment": "lab",
    "region": REGION,
    "network": {"egress": "nat", "zones": 3},
    "compute_environments": {
        "heads": {"purchase": "on-demand", "instance_types": ["m6i.xlarge"], "max_vcpus": 32},
        "ondemand": {"purchase": "on-demand", "instance_types": ["m6i"]},
        "spot": {"purchase": "spot", "instance_types": ["m6i", "c6i"]},
    },
    "queues": {
        "default": {"priority": 1, "compute_environments": ["spot", "ondemand"]},
        "highpriority": {"priority": 100, "compute_environments": ["ondemand", "spot"]},
        "heads": {"priority": 100, "compute_environments": ["heads"]},
    },
    "head": {"queue": "heads", "on_demand_queue": "highpriority"},
    "operations": {},
}
_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#: Buckets that must exist.
EXISTING_BUCKET = "lab-existing-2026"
#: Values of what has a form of its own. A key that is neither here nor of a type that tells another
#: value fails its test: whoever adds a setting says what it can change to.
_VALUES: dict[str, list[Any]] = {
    "tags": [{"team": "blue"}],
    "network.cidr": ["10.1.0.0/16", "10.0.0.0/20"],
    "network.zones": [2, 4],
    "storage.bucket": ["lab-results-2026"],
    "storage.existing_bucket": [EXISTING_BUCKET],
    "storage.prefix": ["other"],
    "storage.reference_buckets": [["1000genomes"]],
    "storage.results_buckets": [["lab-published"]],
    "storage.store_dirs": [["stored"]],
    "storage.work_expires_days": [30],
    "storage.log_retention_days": [30],
    "storage.customer_key": [True, _KEY],
    "worker.image_repositories": [["lab/*"]],
    "registries.docker_hub": [f"{_SECRET}:ecr-pullthroughcache/docker-aB3dE5"],
    "registries.github": [f"{_SECRET}:ecr-pullthroughcache/github-aB3dE5"],
    "roles.permissions_boundary": ["arn:aws:iam::aws:policy/PowerUserAccess"],
    "roles.path": ["/lab/"],
    "roles.name_prefix": ["lab-"],
    "head.job_definition": ["nextflow-lab"],
    "head.task_queue": ["highpriority"],
    "head.queue": [None],
    "head.on_demand_queue": [None],
    "head.gpu_queue": ["gpu"],
    "head.label_queues": [{"arm64": "highpriority"}],
    "head.git_secret": [f"{_SECRET}:git-aB3dE5"],
    "head.seqera_secret": [f"{_SECRET}:seqera-aB3dE5"],
    "operations.email": ["lab@example.org"],
    "operations.monthly_budget_usd": [50],
    "name_prefix": ["other-"],
    "shares": [{"weight_factors": {"genomics": 1}, "default": "genomics"}],
}
#: What another value of a key needs beside it.
_WITH: dict[str, Document] = {
    "network.existing": {"network.egress": None, "network.zones": None, "network.cidr": None},
    "storage.delete_with_stack": {"storage.delete_data_for_good": True},  # allowed together only
    "network.egress=isolated": {"worker.image_repositories": ["lab/*"]},
    "head.architecture": {
        "compute_environments.heads.instance_types": ["m6g.xlarge"],
        "compute_environments.ondemand.instance_types": ["m6g"],
        "compute_environments.spot.instance_types": ["m6g"],
    },
    "registries.expires_days": {"registries.quay": True},
    "head.gpu_queue": {
        "compute_environments.gpu": {
            "purchase": "spot",
            "instance_types": ["g5"],
            "image_type": "ECS_AL2023_NVIDIA",
        },
        "queues.gpu": {"priority": 1, "compute_environments": ["gpu"]},
    },
    "operations.monthly_budget_usd": {"operations.email": "lab@example.org"},
}
UNKNOWN = "add a value to tests/support/settings_changes.py"
#: Another region or account is another place, and another name another deployment.
_ELSEWHERE = {"region", "account", "deployment", "storage.delete_data_for_good"}
#: These have a name on the way, so their changes are below.
_NAMED = {"compute_environments", "queues"}
#: Changes of what has a name: the changed entries; None removes one.
_STRUCTURES: dict[str, Document] = {
    "queue added": {
        "queues.further": {"priority": 5, "compute_environments": ["ondemand"]},
    },
    "queue removed": {"queues.highpriority": None, "head.on_demand_queue": None},
    "queue renamed": {
        "queues.highpriority": None,
        "queues.urgent": {"priority": 100, "compute_environments": ["ondemand", "spot"]},
        "head.on_demand_queue": "urgent",
    },
    "queue of tasks renamed": {
        "queues.default": None,
        "queues.tasks": {"priority": 1, "compute_environments": ["spot", "ondemand"]},
        "head.task_queue": "tasks",
    },
    "queue priority": {"queues.default.priority": 7},
    "queue order": {"queues.default.compute_environments": ["ondemand", "spot"]},
    "environment added": {
        "compute_environments.further": {"purchase": "on-demand", "instance_types": ["r6i"]},
        "queues.default.compute_environments": ["spot", "ondemand", "further"],
    },
    "environment removed": {
        "compute_environments.spot": None,
        "queues.default.compute_environments": ["ondemand"],
        "queues.highpriority.compute_environments": ["ondemand"],
    },
    "environment renamed": {
        "compute_environments.spot": None,
        "compute_environments.cheap": {"purchase": "spot", "instance_types": ["m6i", "c6i"]},
        "queues.default.compute_environments": ["cheap", "ondemand"],
        "queues.highpriority.compute_environments": ["ondemand", "cheap"],
    },
    "environment purchase": {
        "compute_environments.spot.purchase": "on-demand",
    },
    "environment instance_types": {"compute_environments.spot.instance_types": ["r6i"]},
    "environment max_vcpus": {"compute_environments.spot.max_vcpus": 64},
    "environment bid_percentage": {"compute_environments.spot.bid_percentage": 50},
    "environment image_type": {
        "compute_environments.ondemand.image_type": "ECS_AL2023_NVIDIA",
        "compute_environments.ondemand.instance_types": ["g5"],
        "compute_environments.spot.image_type": "ECS_AL2023_NVIDIA",
        "compute_environments.spot.instance_types": ["g5"],
    },
    "environment image_id": {"compute_environments.spot.image_id": "ami-0123456789abcdef0"},
    "operations removed": {"operations": None},
}
_SHARES: Document = {
    "shares": {"weight_factors": {"genomics": 1, "imaging": 1}, "default": "genomics"},
}
_PUBLIC: Document = {"network.egress": "public"}
_ISOLATED: Document = {"network.egress": "isolated", **_WITH["network.egress=isolated"]}
#: Changes of what the base does not have: what they begin with, and what changes then.
_FURTHER: dict[str, tuple[Document, Document]] = {
    "inside shares: weight": (_SHARES, {"shares.weight_factors.imaging": 0.5}),
    "inside shares: one more": (_SHARES, {"shares.weight_factors.proteins": 1}),
    "inside shares: one less": (_SHARES, {"shares.weight_factors.imaging": None}),
    "inside shares: default": (_SHARES, {"shares.default": "imaging"}),
    "inside shares: decay": (_SHARES, {"shares.decay_seconds": 7200}),
    "inside shares: reservation": (_SHARES, {"shares.compute_reservation": 20}),
    "public: zones": (_PUBLIC, {"network.zones": 2}),
    "public: isolated": (_PUBLIC, _ISOLATED),
    "isolated: zones": (_ISOLATED, {"network.zones": 2}),
    "notified: email": ({"operations.email": "lab@example.org"}, {"operations.email": "a@b.org"}),
    "budget: amount": (
        {"operations.email": "lab@example.org", "operations.monthly_budget_usd": 50},
        {"operations.monthly_budget_usd": 60},
    ),
    "customer key: an own one": (
        {"storage.customer_key": True},
        {"storage.customer_key": _KEY},
    ),
    "existing bucket: a new one": (
        {"storage.existing_bucket": EXISTING_BUCKET},
        {"storage.existing_bucket": None, "storage.bucket": "lab-further-2026"},
    ),
}


@dataclass(frozen=True)
class Change:
    """One change of settings.

    Attributes:
        name: What changes.
        keys: The keys that differ from the base's, and their values; None removes one.
        start: Those of what it begins with.
    """

    name: str
    keys: Document
    start: Document = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The changed settings."""
        document = copy.deepcopy(BASE)
        for key, value in self.keys.items():
            _put(document, key.split("."), value)
        return parse(document)


def parse(document: Document) -> Settings:
    """Read settings."""
    return settings_file.parse(json.dumps(document), "lab.yaml")


def _put(place: Document, path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is None:
        place.pop(last, None)
    else:
        place[last] = copy.deepcopy(value)


def changes(existing_vpc: Document) -> list[Change]:
    """Every change that the model knows, of the base and of what the base does not have.

    Args:
        existing_vpc: A value of network.existing.
    """
    values = {**_VALUES, "network.existing": [existing_vpc]}
    schema = Settings.model_json_schema()
    found = [Change(name, keys) for name, keys in _STRUCTURES.items()]
    own = {"network.existing": existing_vpc, **_WITH["network.existing"]}
    fewer = {**existing_vpc, "subnets": existing_vpc["subnets"][:2]}
    further = {**_FURTHER, "existing network: subnets": (own, {"network.existing": fewer})}
    found += [Change(name, {**start, **keys}, start) for name, (start, keys) in further.items()]
    for key, described in _fields(schema, schema["$defs"], "", values):
        if key in _ELSEWHERE:
            continue
        for value in values.get(key) or _others(key, described):
            keys = {key: value, **_WITH.get(key, {}), **_WITH.get(f"{key}={value}", {})}
            found.append(Change(f"{key}: {_short(value)}", keys))
    return found


def _short(value: Any) -> str:
    text = "unset" if value is None else str(value)
    return text if len(text) < _LONG or value == UNKNOWN else f"{text[: _LONG - 3]}..."


def _fields(
    model: Document, models: Document, path: str, values: Document
) -> Iterator[tuple[str, Document]]:
    for name, described in model["properties"].items():
        key = f"{path}{name}"
        if key in _NAMED:
            continue
        held = _held(described)
        if "$ref" in held and key not in values:
            yield from _fields(models[held["$ref"].rpartition("/")[2]], models, f"{key}.", values)
        else:
            yield key, {**held, "default": described.get("default")}


def _held(field: Document) -> Document:
    (held,) = [entry for entry in field.get("anyOf", [field]) if entry.get("type") != "null"]
    return dict(held)


def _others(key: str, field: Document) -> list[Any]:
    """Other values than the base's, of types that tell one."""
    now = _current(key, field["default"])
    if "enum" in field:
        return [value for value in field["enum"] if value != now]
    if field.get("type") == "boolean":
        return [not now]
    if field.get("type") in ("integer", "number"):
        least = field.get("minimum", field.get("exclusiveMinimum", 0))
        before: Any = least if now is None else now
        return [before + 1 if before + 1 <= field["maximum"] else before - 1]
    return [UNKNOWN]


def _current(key: str, default: Any) -> Any:
    place: Any = BASE
    for part in key.split("."):
        if not isinstance(place, dict) or part not in place:
            return default
        place = place[part]
    return place
