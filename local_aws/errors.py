"""How the local AWS says that it cannot start."""


class LocalAwsError(Exception):
    """The local AWS cannot start; the message is one line that says what to do."""
