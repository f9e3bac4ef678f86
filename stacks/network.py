"""The network stack: a VPC of our own. There is none where an existing VPC is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Stack

from nextflow_batch import Network, zones

if TYPE_CHECKING:
    from constructs import Construct

    from stacks.settings import Settings


class NetworkStack(Stack):
    """The VPC that workers run in.

    Attributes:
        network: The VPC and the workers' subnets.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, **kwargs: Any
    ) -> None:
        super().__init__(
            scope, construct_id, description="Nextflow on AWS Batch: network", **kwargs
        )
        network = settings.network
        self._zones = network.zones_in(settings.region)
        self.network = Network(
            self,
            "Network",
            availability_zones=self.availability_zones,
            cidr=network.cidr,
            egress=network.egress,
        )

    @property
    def availability_zones(self) -> list[str]:
        """The region's first zones, left to CloudFormation: synth asks no account for them."""
        return zones(self, self._zones)
