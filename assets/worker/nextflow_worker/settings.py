"""What the launch template tells a worker: one JSON document, read without defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextflow_worker.host import Host

#: Written by user data at the first boot; provisioning adds the instance's own values.
DOCUMENT = "/etc/nextflow-batch/worker.json"


@dataclass(frozen=True)
class ScratchSettings:
    """The scratch disk.

    Attributes:
        size_gib: Size of the launch template's volume, in GiB.
        iops: I/O operations per second of each added volume.
        throughput_mibs: Throughput of each added volume in MiB/s.
        max_size_gib: Scratch never grows beyond this, in GiB.
        max_volumes: Scratch never has more volumes than this.
        max_usd_per_month: Scratch never grows beyond what costs this by the month.
        gp3_usd_per_gib: Price of a GiB by the month.
        gp3_usd_per_iops: Price of each of the IOPS beyond 3,000 by the month.
        gp3_usd_per_mibs: Price of each MiB/s beyond 125 by the month.
        freeze_seconds: For how long tasks may be stopped while space is on its way; 0 for never.
    """

    size_gib: int
    iops: int
    throughput_mibs: int
    max_size_gib: int
    max_volumes: int
    max_usd_per_month: float
    gp3_usd_per_gib: float
    gp3_usd_per_iops: float
    gp3_usd_per_mibs: float
    freeze_seconds: int


@dataclass(frozen=True)
class Settings:
    """What a worker must know.

    Attributes:
        region: The AWS region, as in `us-west-2`.
        deployment: Name of the deployment; the value of the tag that volumes carry.
        log_group: Where the daemon's events and metrics go; empty for nowhere.
        asset_bucket: Bucket of these programs.
        asset_key: Key of their archive.
        asset_sha256: Digest of the archive's content.
        fetch_seconds: How long `boot.sh` tries the metadata service and S3.
        provision_seconds: How long provisioning may take.
        scratch_device: Name under which the launch template attaches the first scratch volume.
        scratch: The scratch disk.
        volume_key: ARN of the key of added volumes; empty for the account's default.
        volume_tags: More tags of added volumes.
        instance_id: This instance.
        availability_zone: Its zone; volumes must be in the same.
    """

    region: str
    deployment: str
    log_group: str
    asset_bucket: str
    asset_key: str
    asset_sha256: str
    fetch_seconds: int
    provision_seconds: int
    scratch_device: str
    scratch: ScratchSettings
    volume_key: str
    volume_tags: dict[str, str]
    instance_id: str
    availability_zone: str

    @classmethod
    def read(cls, host: Host) -> Settings:
        """Read the document.

        Raises:
            WorkerError: It cannot be read, or a value is missing, unknown or of another type.
        """
        return cls.parse(_document(host))

    @classmethod
    def complete(cls, host: Host, **instance: str) -> Settings:
        """Add the instance's own values to the document, for every later reader, and read it.

        Raises:
            WorkerError: As in `read`.
        """
        values = {**_document(host), **instance}
        settings = cls.parse(values)
        host.write(DOCUMENT, json.dumps(values, indent=2))
        return settings

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Settings:
        """Take the document's values.

        Raises:
            WorkerError: One is missing, unknown or of another type.
        """
        settings: Settings = _parse(cls, "", values)
        return settings


def _document(host: Host) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(host.path(DOCUMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{DOCUMENT} cannot be read: {error}"
        raise WorkerError(message) from error
    return values


_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    dict: "an object with string values",
}


def _parse(model: Any, place: str, values: Any) -> Any:
    if not isinstance(values, dict):
        message = f"{DOCUMENT}: {place.rstrip('.') or 'it'} is {values!r}; allowed: an object"
        raise WorkerError(message)
    names = [field.name for field in fields(model)]
    for name in [*values, *names]:
        if name not in names or name not in values:
            kind = "missing" if name in names else "not known to these programs"
            message = f"{DOCUMENT}: {place}{name} is {kind}"
            raise WorkerError(message)
    types = get_type_hints(model)
    return model(**{name: _value(types[name], f"{place}{name}", values[name]) for name in names})


def _value(kind: Any, place: str, value: Any) -> Any:
    if kind is ScratchSettings:
        return _parse(kind, f"{place}.", value)
    kind = dict if kind == dict[str, str] else kind
    good = isinstance(value, (int, float) if kind is float else kind)
    if kind is dict and good:
        good = all(isinstance(text, str) for text in value.values())
    if not good or isinstance(value, bool):
        message = f"{DOCUMENT}: {place} is {value!r}; allowed: {_NAMES[kind]}"
        raise WorkerError(message)
    return value
