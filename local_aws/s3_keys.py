"""The keys of a bucket, in the order in which S3 lists them."""

from bisect import bisect_left, insort
from itertools import takewhile
from threading import Lock
from typing import Any

from moto.s3.utils import _VersionedKeyStore


class SortedKeys(_VersionedKeyStore):  # type: ignore[misc]
    """Finds the keys that begin with a prefix without a look at all the others.

    moto copies and reads all keys of a bucket for each listing. Nextflow lists each task's
    folder, so that ten thousand tasks would cost a hundred million looks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._lock = Lock()

    def __setitem__(self, name: str, key: Any) -> None:
        """Adds a version."""
        with self._lock:
            self._note(name)
            super().__setitem__(name, key)

    def setlist(self, name: str, versions: Any) -> None:
        """Replaces all versions."""
        with self._lock:
            self._note(name)
            super().setlist(name, versions)

    def pop(self, name: str) -> None:
        """Forgets a key."""
        with self._lock:
            super().pop(name)
            del self._names[bisect_left(self._names, name)]

    def _note(self, name: str) -> None:
        if name not in self:
            insort(self._names, name)

    def beginning_with(self, prefix: str) -> dict[str, Any]:
        """Returns the latest version of each key that begins with a prefix."""
        with self._lock:
            first = bisect_left(self._names, prefix)
            behind = map(self._names.__getitem__, range(first, len(self._names)))
            names = takewhile(lambda name: name.startswith(prefix), behind)
            return {name: self[name] for name in names if self.getlist(name)}
