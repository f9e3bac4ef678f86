"""What the launch template tells a worker, as one JSON document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextflow_batch.scratch import Scratch


@dataclass(frozen=True, kw_only=True)
class WorkerDocument:
    """The values that a worker starts with.

    The worker reads them by a model of the same names and types,
    `assets/worker/nextflow_worker/settings.py`; it has no defaults of its own.

    Attributes:
        region: The AWS region.
        deployment: The value of the tag that its volumes carry.
        log_group: Name of the log group for refused boots and the daemon's events.
        asset_bucket: Bucket of the worker's programs.
        asset_key: Key of their archive.
        asset_sha256: Digest of the archive's content, see `WorkerPrograms.digest`.
        fetch_seconds: How long the metadata service and S3 are tried at boot.
        provision_seconds: How long provisioning may take.
        scratch_device: Device name of the launch template's scratch volume.
        scratch: The scratch disk.
        volume_key: ARN of the key of added volumes; empty for the account's default.
        volume_tags: Further tags of added volumes.
    """

    region: str
    deployment: str
    log_group: str
    asset_bucket: str
    asset_key: str
    asset_sha256: str
    fetch_seconds: int = 180
    provision_seconds: int = 1260
    scratch_device: str
    scratch: Scratch
    volume_key: str
    volume_tags: Mapping[str, str]

    def to_json(self) -> str:
        """The document, one value a line, so that a changed one is one line of a diff."""
        return json.dumps({**vars(self), "scratch": self.scratch.model_dump()}, indent=2)
