"""The one error of the worker's programs."""


class WorkerError(Exception):
    """Something cannot be done; the message is one line that says what and why."""
