"""What the launch template tells a worker, by environment variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nextflow_worker.error import WorkerError

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: Read by the units of the worker, at each boot after the first too.
ENVIRONMENT_FILE = "/etc/nextflow-batch/worker.env"

_WORD = r"[A-Za-z0-9 _.:/=+@#-]+"
_PATTERNS = {
    "NFB_REGION": r"[a-z]{2,}(-[a-z0-9]+)+",
    "NFB_ENVIRONMENT": _WORD,
    "NFB_INSTANCE_ID": r"i-[0-9a-f]+",
    "NFB_AVAILABILITY_ZONE": r"[a-z0-9-]+",
    "NFB_SCRATCH_DEVICE": r"/dev/(sd|xvd)[a-z]{1,2}",
}
_NUMBERS = {
    # What gp3 takes; the text of the API's model:
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
    "NFB_SCRATCH_IOPS": (3_000, 3_000, 80_000),
    "NFB_SCRATCH_THROUGHPUT_MIBS": (125, 125, 2_000),
    # No EC2 limit: a ceiling for what a runaway task may cost.
    "NFB_SCRATCH_MAX_SIZE_GIB": (4_000, 1, 1_000_000),
    # 128 is the highest number of attachments of any type.
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html
    "NFB_SCRATCH_MAX_VOLUMES": (24, 1, 127),
    "NFB_FREEZE_SECONDS": (300, 0, 3_600),
}
#: US dollars by the month, of gp3 in us-west-2. https://aws.amazon.com/ebs/pricing/
_AMOUNTS = {
    "NFB_SCRATCH_MAX_USD_PER_MONTH": "500",
    "NFB_GP3_USD_PER_GIB": "0.08",
    "NFB_GP3_USD_PER_IOPS": "0.005",
    "NFB_GP3_USD_PER_MIBS": "0.04",
}


@dataclass(frozen=True)
class Settings:
    """What a worker must know.

    Attributes:
        region: The AWS region, as in `us-west-2`.
        environment: Name of the environment; the value of the tag that volumes carry.
        instance_id: This instance.
        availability_zone: Its zone; volumes must be in the same.
        scratch_device: Name under which the launch template attaches the first scratch volume.
        scratch_iops: I/O operations per second of each added volume.
        scratch_throughput_mibs: Throughput of each added volume in MiB/s.
        scratch_max_size_gib: Scratch never grows beyond this, in GiB.
        scratch_max_volumes: Scratch never has more volumes than this.
        scratch_kms_key: ARN of the key of added volumes; empty for the account's default.
        volume_tags: More tags of added volumes.
        freeze_seconds: For how long tasks may be stopped while space is on its way; 0 for never.
        scratch_max_usd_per_month: Scratch never grows beyond what costs this by the month.
        gp3_usd_per_gib: Price of a GiB by the month.
        gp3_usd_per_iops: Price of each of the IOPS beyond 3,000 by the month.
        gp3_usd_per_mibs: Price of each MiB/s beyond 125 by the month.
        log_group: Where the daemon's metrics go; empty for nowhere.
    """

    region: str
    environment: str
    instance_id: str
    availability_zone: str
    scratch_device: str
    scratch_iops: int
    scratch_throughput_mibs: int
    scratch_max_size_gib: int
    scratch_max_volumes: int
    scratch_kms_key: str = ""
    volume_tags: Mapping[str, str] = field(default_factory=dict)
    freeze_seconds: int = 300
    scratch_max_usd_per_month: float = 500.0
    gp3_usd_per_gib: float = 0.08
    gp3_usd_per_iops: float = 0.005
    gp3_usd_per_mibs: float = 0.04
    log_group: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read them from environment variables.

        Raises:
            WorkerError: One is missing or wrong; the message has name, value, what is allowed.
        """
        words = {name: _word(environ, name, pattern) for name, pattern in _PATTERNS.items()}
        numbers = {name: _number(environ, name, *allowed) for name, allowed in _NUMBERS.items()}
        key = environ.get("NFB_SCRATCH_KMS_KEY", "")
        if key and not re.fullmatch(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:(key|alias)/[\w/-]+", key):
            message = f"NFB_SCRATCH_KMS_KEY is {key!r}; allowed: the ARN of a KMS key, or nothing"
            raise WorkerError(message)
        amounts = {name: _amount(environ, name, default) for name, default in _AMOUNTS.items()}
        values = {**words, **numbers, **amounts}
        fields = {name[len("NFB_") :].lower(): value for name, value in values.items()}
        return cls(
            **fields,  # type: ignore[arg-type]
            scratch_kms_key=key,
            volume_tags=_tags(environ),
            log_group=environ.get("NFB_LOG_GROUP", ""),
        )


def save(host: Host, environ: Mapping[str, str]) -> None:
    """Keep the settings where the units of the worker read them.

    Args:
        host: Where.
        environ: All environment variables; those that begin with `NFB_` are kept, and those that
            lead an SDK to another endpoint.

    Raises:
        WorkerError: A value cannot be written as a line.
    """
    lines = []
    for name, given in sorted(environ.items()):
        if not name.startswith("NFB_") and name not in _ENDPOINTS:
            continue
        # JSON can do without the one character that ends a quoted value.
        value = given.replace("'", "\\u0027") if name == "NFB_VOLUME_TAGS" else given
        if "'" in value or "\n" in value:
            message = f"{name} is {given!r}; allowed: no quotation mark and no line break"
            raise WorkerError(message)
        lines.append(f"{name}='{value}'\n")
    host.write(ENVIRONMENT_FILE, "".join(lines))


_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT")


def _word(environ: Mapping[str, str], name: str, pattern: str) -> str:
    value = environ.get(name, "")
    if not re.fullmatch(pattern, value):
        message = f"{name} is {value!r}; allowed: {pattern}"
        raise WorkerError(message)
    return value


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        message = f"{name} is {value!r}; allowed: a whole number from {least} to {most}"
        raise WorkerError(message)
    return int(value)


def _amount(environ: Mapping[str, str], name: str, default: str) -> float:
    value = environ.get(name) or default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        message = f"{name} is {value!r}; allowed: US dollars as in 0.08"
        raise WorkerError(message)
    return float(value)


def _tags(environ: Mapping[str, str]) -> dict[str, str]:
    value = environ.get("NFB_VOLUME_TAGS") or "{}"
    try:
        tags = json.loads(value)
    except ValueError:
        tags = None
    if not isinstance(tags, dict) or not all(isinstance(text, str) for text in tags.values()):
        message = f"NFB_VOLUME_TAGS is {value!r}; allowed: a JSON object of strings"
        raise WorkerError(message)
    return tags
