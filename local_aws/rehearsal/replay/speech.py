"""What the rehearsal says for itself; every line of it carries the label."""

import threading

LABEL = "[simulation]"
_lock = threading.Lock()


class Refused(Exception):  # noqa: N818 - the message is all that the user sees
    """The rehearsal cannot do what was asked; the message is one line and the exit code is 2."""


def say(text: str) -> None:
    """Prints one labelled line at once; several threads may speak."""
    with _lock:
        print(f"{LABEL} {text}", flush=True)
