"""What the daemon says."""

from __future__ import annotations

import json
from typing import Callable

#: Takes an event and its facts.
Listener = Callable[[str, "dict[str, object]"], None]


class Events:
    """One line of JSON for each event, in systemd's journal and for each listener."""

    def __init__(self, *listeners: Listener) -> None:
        """Take who else is told."""
        self._listeners = listeners

    def emit(self, event: str, **facts: object) -> None:
        """Tell what happened.

        Args:
            event: As in `grown`.
            facts: What belongs to it; numbers carry their unit in the name.
        """
        line = json.dumps({"event": f"scratch {event}", **facts}) + "\n"
        print(line, end="", flush=True)  # In one write: two threads speak.
        for listener in self._listeners:
            listener(event, facts)
