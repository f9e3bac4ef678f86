"""What the local AWS and its demo refuse."""


class LocalAwsError(Exception):
    """Something cannot go on; the message is one line that says what to do."""


class RequestError(ValueError):
    """A request to one of the local AWS's own paths is wrong; the message says what is allowed."""
