"""Scheduling policies of fair-share queues."""

from typing import Any

from local_aws.batch.place import Place

_SHORTEST_DECAY = 600


class SchedulingPolicy:
    """The weights of a queue's shares.

    Attributes:
        name: Its name.
        arn: Its ARN.
        fair_share: `fairsharePolicy` as the API shows it.
    """

    def __init__(self, place: Place, request: dict[str, Any]) -> None:
        self.name: str = request["name"]
        self.arn = place.arn("scheduling-policy", self.name)
        self.fair_share: dict[str, Any] = {}
        self.update(request.get("fairsharePolicy", {}))

    def update(self, fair_share: dict[str, Any]) -> None:
        """Replace the weights."""
        defaults = {"computeReservation": 0, "shareDecaySeconds": 0, "shareDistribution": []}
        self.fair_share = defaults | fair_share

    @property
    def decay_seconds(self) -> int:
        """For how long past usage counts; 0 stands for the shortest time.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_FairsharePolicy.html
        """
        return int(self.fair_share["shareDecaySeconds"]) or _SHORTEST_DECAY

    @property
    def compute_reservation(self) -> int:
        """Percent of the vCPUs that is kept for shares that have no jobs."""
        return int(self.fair_share["computeReservation"])

    def weight(self, share: str | None) -> float:
        """Find a share's weight factor; a lower one gets more of the queue.

        It is 1 for a share that the policy does not name
        (https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html).
        """
        for entry in self.fair_share["shareDistribution"]:
            name = entry["shareIdentifier"]
            if share == name or (name.endswith("*") and (share or "").startswith(name[:-1])):
                return float(entry.get("weightFactor", 1))
        return 1

    def describe(self, tags: dict[str, str]) -> dict[str, Any]:
        """Show the policy as DescribeSchedulingPolicies does."""
        return {
            "name": self.name,
            "arn": self.arn,
            "fairsharePolicy": self.fair_share,
            "tags": tags,
        }
