"""The clients of AWS: one profile, one region."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

from nfbatch import VERSION

#: boto3's clients; their methods are made at run time.
Client = Any


class Aws:
    """The account and region that a command works with.

    Args:
        profile: Name of a profile; boto3's own choice when not given.
        region: Name of a region; the profile's when not given.
    """

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self.profile = profile
        self._region = region
        self._clients: dict[str, Client] = {}
        self._lock = Lock()

    @cached_property
    def _session(self) -> Any:
        # It takes longer to import than all the rest, and help and completion do without.
        import boto3  # noqa: PLC0415

        return boto3.session.Session(profile_name=self.profile, region_name=self._region)

    @property
    def region(self) -> str | None:
        """The region; None where none is configured."""
        region: str | None = self._session.region_name
        return region

    def client(self, service: str) -> Client:
        """A client of a service; there is one of each.

        Args:
            service: Such as `batch`.
        """
        from botocore.config import Config  # noqa: PLC0415 - as above

        with self._lock:
            if service not in self._clients:
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": 5},
                    connect_timeout=10,
                    max_pool_connections=20,
                    user_agent_extra=f"nfbatch/{VERSION}",
                )
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]
