"""What instances and storage cost: a dated table, shipped or refreshed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nfbatch.error import Kind, NfbatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHIPPED = Path(__file__).parent / "prices" / "us-east-1.json"
#: What Batch chooses from when it is left the choice.
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html (instanceTypes)
BUNDLES = {
    "optimal": ("m6i", "c6i", "r6i", "c7i"),
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}


class Instance(NamedTuple):
    """An instance type.

    Attributes:
        usd: Its On-Demand price for an hour.
        vcpus: vCPUs.
        memory_mib: Memory in MiB.
    """

    usd: float
    vcpus: int
    memory_mib: int


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """The prices of one region at one date.

    Attributes:
        region: The region.
        published: The date, in ISO 8601.
        source: Where the prices of instances are from.
        s3_gib_month: USD for a GiB in S3 Standard for a month; None if unknown.
        s3_source: Where that is from.
        instances: The instance types, by family and size.
    """

    region: str
    published: str
    source: str
    s3_gib_month: float | None
    s3_source: str
    instances: Mapping[str, Mapping[str, Instance]]

    @classmethod
    def read(cls, path: Path) -> PriceTable:
        """Reads a file that `write` has written.

        Args:
            path: The file.

        Raises:
            NfbatchError: It has another form.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                region=found["region"],
                published=found["published"],
                source=found["source"],
                s3_gib_month=found["s3_gib_month"],
                s3_source=found["s3_source"],
                instances={
                    family: {size: Instance(*values) for size, values in sizes.items()}
                    for family, sizes in found["usd_vcpus_mib"].items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NfbatchError(
                Kind.BAD_INPUT,
                f"{path} is not a table of prices: `nfbatch prices --refresh` writes it again",
            ) from None

    def write(self, path: Path) -> None:
        """Writes it, a family in each line, so that a reader sees either this or what was before.

        Args:
            path: The file.
        """
        head = {
            "region": self.region,
            "published": self.published,
            "source": self.source,
            "s3_gib_month": self.s3_gib_month,
            "s3_source": self.s3_source,
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        families = ",\n".join(
            f"    {json.dumps(family)}: {json.dumps(sizes)}"
            for family, sizes in sorted(self.instances.items())
        )
        text = "\n".join(("{", *lines, '  "usd_vcpus_mib": {', families, "  }\n}\n"))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)

    def instance(self, name: str) -> Instance | None:
        """The type of a name such as `m6i.large`; None if the table does not have it."""
        family, _, size = name.partition(".")
        return self.instances.get(family, {}).get(size)

    def types(self, names: Iterable[str]) -> dict[str, Instance]:
        """The types that `instanceTypes` of a compute environment means.

        Args:
            names: Families, types and Batch's own bundles; unknown ones are left out.
        """
        found: dict[str, Instance] = {}
        for name in names:
            for each in BUNDLES.get(name, (name,)):
                family, dot, size = each.partition(".")
                sizes = self.instances.get(family, {})
                # Batch does not take bare metal unless it is named.
                chosen = [size] if dot else [size for size in sizes if "metal" not in size]
                found |= {f"{family}.{size}": sizes[size] for size in chosen if size in sizes}
        return found


def load(region: str | None) -> PriceTable:
    """The best table for a region: the refreshed one, or else the shipped one.

    Args:
        region: The region.
    """
    refreshed = refreshed_path(region or "")
    return PriceTable.read(refreshed if refreshed.is_file() else _SHIPPED)


def refreshed_path(region: str) -> Path:
    """Where `nfbatch prices --refresh` keeps the table of a region.

    Args:
        region: The region.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "nfbatch" / "prices" / f"{region}.json"
