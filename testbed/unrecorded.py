"""Allowed actions that no recorded run calls, each with its reason."""

from __future__ import annotations

_AGENT = "the ECS agent; an emulated worker has none"
_BOOT = "`boot.sh`, by curl"
_TAGS = "a copy of an object with tags reads them; the recorded runs copy none"

#: By role and action; an action may end in `*`.
REASONS: dict[tuple[str, str], str] = {}
