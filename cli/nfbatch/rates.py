"""What an hour of a task costs: its share of an instance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nfbatch.capacity import Environment
    from nfbatch.prices import Instance, PriceTable


@dataclass(frozen=True)
class Rate:
    """What an hour of a task costs.

    Attributes:
        type: The instance type.
        usd: USD for an hour, as it was bought.
        on_demand_usd: USD for an hour On-Demand, of the same type.
    """

    type: str
    usd: float
    on_demand_usd: float


@dataclass(frozen=True)
class Rates:
    """The rates of one region at one moment.

    Attributes:
        table: The On-Demand prices.
        spot: The Spot prices, by type. A type without one costs as On-Demand: the upper limit.
    """

    table: PriceTable
    spot: Mapping[str, float]
    _known: dict[tuple[object, ...], Rate | None] = field(default_factory=dict)

    def find(
        self, environment: Environment | None, vcpus: float, memory_mib: float, host: str | None
    ) -> Rate | None:
        """The rate of a task.

        Args:
            environment: Where it ran.
            vcpus: How many vCPUs it asked for.
            memory_mib: How much memory it asked for.
            host: The type of its instance; None if it is unknown. Then it is the type of the
                environment on which the task costs least: what Batch chooses for one task.

        Returns:
            None if no type has a price and room for the task.
        """
        key = environment, vcpus, memory_mib, host
        if key not in self._known:
            self._known[key] = self._find(environment, vcpus, memory_mib, host)
        return self._known[key]

    def _find(
        self, environment: Environment | None, vcpus: float, memory_mib: float, host: str | None
    ) -> Rate | None:
        named = self.table.instance(host) if host else None
        if host and named:
            types = {host: named}
        else:
            types = self.table.types(environment.types if environment else ())
        is_spot = environment is not None and environment.is_spot
        rates = [
            self._share(name, instance, vcpus, memory_mib, is_spot=is_spot)
            for name, instance in types.items()
            if instance.vcpus >= vcpus and instance.memory_mib >= memory_mib
        ]
        return min(rates, key=lambda rate: (rate.usd, rate.on_demand_usd, rate.type), default=None)

    def _share(
        self, name: str, instance: Instance, vcpus: float, memory_mib: float, *, is_spot: bool
    ) -> Rate:
        share = max(vcpus / instance.vcpus, memory_mib / instance.memory_mib)
        price = self.spot.get(name, instance.usd) if is_spot else instance.usd
        return Rate(name, price * share, instance.usd * share)
