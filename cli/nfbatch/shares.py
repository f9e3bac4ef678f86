"""The shares that teams have of a deployment's queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nfbatch.error import Kind, NfbatchError


@dataclass(frozen=True)
class Shares:
    """What a deployment's document tells of them.

    Attributes:
        names: The shares; one that ends with * stands for all that begin so.
        default: The share of runs that name none.
        queues: The queues that have shares, which take no job without one.
    """

    names: tuple[str, ...]
    default: str
    queues: tuple[str, ...]

    @classmethod
    def read(cls, document: dict[str, Any]) -> Shares:
        """Reads the document's part."""
        return cls(tuple(document["names"]), document["default"], tuple(document["queues"]))

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "names": list(self.names),
            "default": self.default,
            "queues": list(self.queues),
        }

    def has(self, share: str) -> bool:
        """Whether the deployment has a share."""
        is_name = share.isascii() and share.isalnum()
        return is_name and any(_is(share, name) for name in self.names)

    def check(self, share: str) -> str:
        """A share that the deployment has.

        Raises:
            NfbatchError: It has another name.
        """
        if self.has(share):
            return share
        raise NfbatchError(
            Kind.BAD_INPUT,
            f"--share {share} is not allowed: must be one of {', '.join(self.names)}",
        )


def _is(share: str, name: str) -> bool:
    return share.startswith(name[:-1]) if name.endswith("*") else share == name
