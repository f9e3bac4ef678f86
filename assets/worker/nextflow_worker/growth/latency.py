"""How long EC2 takes, learned on this instance."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextflow_worker.host import Host

#: On the root volume, so that a daemon that starts anew knows it.
FILE = "/var/lib/nextflow-batch/latency.json"
#: How many of the latest count.
RECENT = 8
#: Before anything is known, in seconds: what EC2 usually takes, and what to be prepared for. Users
#: of EBS report about 15 s for create, attach and mount together:
#: https://github.com/kubernetes/kubernetes/issues/62119
USUAL = {"create": 3.5, "attach": 4.0, "extend": 1.0, "modify": 6.0}
PREPARED = {"create": 14.0, "attach": 12.0, "extend": 4.0, "modify": 20.0}
#: The steps of adding a volume.
STEPS = ("create", "attach", "extend")


class Latency:
    """What each step of a growth took lately."""

    def __init__(self, host: Host) -> None:
        """Remember what an earlier daemon learned."""
        self._host = host
        self._seen: dict[str, list[float]] = {step: [] for step in USUAL}
        try:
            known = json.loads(host.path(FILE).read_text(encoding="utf-8"))
            for step in self._seen:
                self._seen[step] = [float(value) for value in known.get(step, [])][-RECENT:]
        except (OSError, ValueError, TypeError, AttributeError):
            return  # Nothing was learned, or it is of no use.

    def learn(self, step: str, seconds: float) -> None:
        """Take in how long a step took."""
        self._seen[step] = [*self._seen[step], round(max(seconds, 0.0), 2)][-RECENT:]
        self._host.write(FILE, json.dumps(self._seen))

    def knows(self, step: str) -> bool:
        """Tell whether anything was learned of a step."""
        return bool(self._seen[step])

    def usual(self, step: str) -> float:
        """Return the median of the latest three, in seconds: when it makes sense to look."""
        return statistics.median(self._seen[step][-3:]) if self._seen[step] else USUAL[step]

    def prepared(self, *steps: str) -> float:
        """Return the slowest of the latest for each step, in seconds together."""
        return sum(max(self._seen[step], default=PREPARED[step]) for step in steps)
