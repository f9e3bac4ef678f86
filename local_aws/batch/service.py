"""AWS Batch of each account and region."""

from local_aws.batch.place import Place
from local_aws.batch.runtime import RUNTIME
from local_aws.batch.scheduler import Scheduler
from local_aws.batch.state import State


class Batch:
    """AWS Batch in one account and region.

    Attributes:
        state: What exists.
        scheduler: Places jobs and follows them to their end.
    """

    def __init__(self, place: Place) -> None:
        self.state = State(place)
        self.scheduler = Scheduler(self.state, RUNTIME)

    def reset(self) -> None:
        """Stop what runs and forget everything."""
        self.scheduler.stop_all()
        self.state.clear()


_batches: dict[Place, Batch] = {}


def batch_of(account_id: str, region: str) -> Batch:
    """Find, or make, Batch in an account and region."""
    place = Place(account_id, region)
    # setdefault is one step, so that two first requests get the same one.
    return _batches.get(place) or _batches.setdefault(place, Batch(place))


def all_batches() -> list[Batch]:
    """List Batch of each account and region in use."""
    return list(_batches.values())


def forget_all() -> None:
    """Stop all jobs and forget the state of Batch everywhere."""
    for batch in all_batches():
        batch.reset()
    _batches.clear()
