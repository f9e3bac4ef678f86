"""How fast the minutes go in which AWS counts its own waits."""

from dataclasses import dataclass


@dataclass
class Pace:
    """The pace of this process's AWS.

    Attributes:
        minute: Seconds that a minute takes, for what AWS waits for: how long jobs may hold an
            update of their workers, and how long CloudFormation waits for a resource.
    """

    minute: float = 60.0

    def seconds(self, minutes: float) -> float:
        """Tell how long some minutes take here."""
        return minutes * self.minute


PACE = Pace()
