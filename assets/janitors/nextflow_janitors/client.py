"""Clients of AWS's services."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def client(service: Any) -> Any:
    """Make a client that is patient with a service that limits the rate of calls.

    Args:
        service: Such as `batch`.
    """
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "max_attempts": 10}))
