"""An account and a region."""

from dataclasses import dataclass

from moto.utilities.utils import get_partition


@dataclass(frozen=True)
class Place:
    """Where resources are.

    Attributes:
        account_id: The account.
        region: The region's name.
    """

    account_id: str
    region: str

    @property
    def partition(self) -> str:
        """The region's partition, such as `aws`."""
        return str(get_partition(self.region))

    def arn(self, kind: str, name: str) -> str:
        """Make the ARN of a resource of Batch."""
        return f"arn:{self.partition}:batch:{self.region}:{self.account_id}:{kind}/{name}"
