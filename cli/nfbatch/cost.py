"""What a run cost, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nfbatch import capacity, hosts, prices, spot_prices
from nfbatch.rates import Rates

if TYPE_CHECKING:
    from nfbatch.aws import Aws
    from nfbatch.capacity import Capacity, Environment
    from nfbatch.deployment import Deployment
    from nfbatch.usage import Usage

_HOUR = 3_600_000
#: The process of the run's head.
HEAD = "(head)"
#: What the estimate leaves out; docs/nfbatch.md says how to find it in the bill.
NOT_INCLUDED = (
    "workers' disks (EBS), S3 requests and results, the network (NAT gateway, endpoints, other"
    " regions, downloads), logs, taxes and discounts. Transfer between workers and S3 in the region"
    " is free with the S3 gateway endpoint"
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one stay of a task on a host cost.

    Attributes:
        usage: The task.
        hours: How long it was there.
        environment: The host's compute environment; None if it is gone.
        type: The host's type.
        is_known: Whether the type is known, and not assumed.
        usd: What it cost.
        on_demand_usd: What it would have cost On-Demand.
    """

    usage: Usage
    hours: float
    environment: Environment | None
    type: str
    is_known: bool
    usd: float
    on_demand_usd: float

    @property
    def is_spot(self) -> bool:
        """Whether the host was a Spot instance."""
        return self.environment is not None and self.environment.is_spot


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run cost.

    Attributes:
        rates: The prices.
        parts: Each stay of each task.
        unpriced: Tasks that ran, but of which too little is known.
        has_spot_prices: Whether Spot is at its own prices, and not at the On-Demand price.
    """

    rates: Rates
    parts: Sequence[Part]
    unpriced: Sequence[Usage]
    has_spot_prices: bool

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(part.usd for part in self.parts)

    @property
    def on_demand_usd(self) -> float:
        """What all of it would have cost On-Demand."""
        return sum(part.on_demand_usd for part in self.parts)

    def bought(self, *, is_spot: bool) -> Sequence[Part]:
        """The parts that ran on Spot, or On-Demand."""
        return [part for part in self.parts if part.is_spot == is_spot]

    @property
    def trust(self) -> str:
        """How far to trust it, in a sentence."""
        hours = sum(part.hours for part in self.parts)
        known = sum(part.hours for part in self.parts if part.is_known)
        table = self.rates.table
        spot = ""
        if any(part.is_spot for part in self.parts):
            spot = (
                ", Spot at the price halfway through the run"
                if self.has_spot_prices
                else ", Spot at the On-Demand price, which is too high, as EC2 tells no Spot price"
            )
        share = f"{known / hours:.0%}" if hours else "none"
        return (
            "An estimate of the parts of instances that tasks reserved, at the On-Demand prices of"
            f" {table.region} of {table.published}{spot}; the instance type is known for {share} of"
            " the hours and otherwise the cheapest that fits; the bill also has what no task"
            " reserved: start, idle time and gaps."
        )


def estimate(
    aws: Aws,
    deployment: Deployment,
    usages: Sequence[Usage],
    *,
    place: Capacity | None = None,
    asks_ecs: bool = True,
) -> Cost:
    """Prices tasks.

    Args:
        aws: The account and region.
        deployment: The deployment.
        usages: The tasks; those that Nextflow took from its cache cost nothing.
        place: Where they could run, if it is known already.
        asks_ecs: Whether to ask ECS for instance types: a call for each hundred instances.
    """
    place = place or capacity.read(aws, deployment)
    table = prices.load(aws.region)
    ran = [usage for usage in usages if usage.status != "CACHED" and usage.stays]
    stays = [(usage, stay) for usage in ran for stay in usage.stays]
    types = hosts.types(aws, [stay.host for _, stay in stays if stay.host]) if asks_ecs else {}
    environments = {
        (stay.host, usage.queue): place.find(stay.host, usage.queue) for usage, stay in stays
    }
    on_spot = {each for each in environments.values() if each and each.is_spot}
    spot: Mapping[str, float] = {}
    if on_spot:
        named = {name for each in on_spot for name in table.types(each.types)} | set(types.values())
        middle = (min(stay.started for _, stay in stays) + max(s.stopped for _, s in stays)) // 2
        spot = _spot(aws, sorted(named), middle)
    rates = Rates(table, spot)
    parts: list[Part] = []
    unpriced: list[Usage] = []
    for usage, stay in stays:
        environment = environments[stay.host, usage.queue]
        type_ = types.get(stay.host or "")
        rate = rates.find(environment, usage.vcpus, usage.memory_mib, type_)
        if rate is None or not (usage.vcpus or usage.memory_mib):
            unpriced.append(usage)
            continue
        hours = (stay.stopped - stay.started) / _HOUR
        parts.append(
            Part(
                usage=usage,
                hours=hours,
                environment=environment,
                type=rate.type,
                is_known=rate.type == type_,
                usd=rate.usd * hours,
                on_demand_usd=rate.on_demand_usd * hours,
            )
        )
    return Cost(rates=rates, parts=parts, unpriced=unpriced, has_spot_prices=bool(spot))


def _spot(aws: Aws, types: Sequence[str], moment: int) -> Mapping[str, float]:
    """The Spot prices; none if EC2 does not tell them."""
    client = aws.client("ec2")
    try:
        return spot_prices.read(aws, types, moment)
    except client.exceptions.ClientError:
        # Such as without permission: the estimate says that it has no Spot prices.
        return {}
