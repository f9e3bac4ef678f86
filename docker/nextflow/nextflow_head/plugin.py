"""Nextflow plugins that the image brings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: The plugins that the head itself relies on: Batch and S3, the task cache in S3, and its own.
AMAZON, CLOUD_CACHE, HEAD = "nf-amazon", "nf-cloudcache", "nf-head"


@dataclass(frozen=True, order=True)
class Plugin:
    """A plugin in the image.

    Attributes:
        name: Its id, such as `nf-amazon`.
        version: Its exact version.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def always(plugins: Mapping[str, Plugin]) -> str:
    """Of the plugins in the image those that each run has, as `NXF_PLUGINS_DEFAULT` lists them.

    A block `plugins` in the head's configuration would not do: that of a pipeline replaces it. What
    this variable lists is added to either, unless the pipeline pins another version.
    https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nf-commons/src/main/nextflow/plugin/PluginsFacade.groovy#L450-L461
    """
    names = (AMAZON, CLOUD_CACHE, HEAD)
    return ",".join(str(plugins[name]) for name in names if name in plugins)


def baked(variables: Mapping[str, str]) -> dict[str, Plugin]:
    """The plugins in the folder `NXF_PLUGINS_DIR`, by name; none where it is not set.

    Of several versions, the one that was installed last counts.
    """
    folder = variables.get("NXF_PLUGINS_DIR")
    if not folder or not Path(folder).is_dir():
        return {}
    found = {}
    for path in sorted(Path(folder).iterdir(), key=lambda path: path.stat().st_mtime):
        # Nextflow names their folders ID-VERSION.
        match = re.fullmatch(r"([a-z][a-z0-9-]*?)-([0-9]+\.[0-9].*)", path.name)
        if match and path.is_dir():
            found[match[1]] = Plugin(match[1], match[2])
    return found
