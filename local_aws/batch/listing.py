"""Pages of a list, and the filters of ListJobs."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from local_aws.batch.errors import request_error
from local_aws.batch.job import Job

Item = TypeVar("Item")


def page(
    items: Sequence[Item],
    identity: Callable[[Item], str],
    *,
    most: int,
    limit: int | None,
    token: str | None,
) -> tuple[list[Item], str | None]:
    """Cut one page out of a list.

    Args:
        items: The whole list, in a stable order.
        identity: Gives each item's unique name; a token names the last item served, so that a
            list that grows between two calls neither repeats nor skips an item.
        most: The largest page, and the size of a page when the caller names none.
        limit: The caller's `maxResults`.
        token: The caller's `nextToken`.

    Returns:
        The page, and the next token or None at the end.

    Raises:
        ClientException: `limit` is below 1, or `token` did not come from here.

    """
    if limit is not None and limit < 1:
        raise request_error("maxResults must be at least 1")
    start = 0
    if token is not None:
        last = _decoded(token)
        position = next((i for i, item in enumerate(items) if identity(item) == last), None)
        if position is None:
            raise request_error("nextToken is invalid")
        start = position + 1
    end = start + min(limit or most, most)
    cut = list(items[start:end])
    rest = end < len(items)
    return cut, base64.urlsafe_b64encode(identity(cut[-1]).encode()).decode() if rest else None


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise request_error("nextToken is invalid") from error


def matches(job: Job, name: str, values: Sequence[str]) -> bool:
    """Tell whether a job passes one filter of ListJobs.

    Args:
        job: The job.
        name: The filter, such as `JOB_NAME`.
        values: Its values, of which one must match.

    Returns:
        True if it passes
        (https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html).

    Raises:
        ClientException: There is no such filter, or a time is not a number.

    """
    if name not in _FILTERS:
        raise request_error(f"filter {name} must be one of {' | '.join(_FILTERS)}")
    return any(_FILTERS[name](job, value) for value in values)


def _glob(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _by_name(job: Job, value: str) -> bool:
    return _glob(value.lower(), job.name.lower())


def _by_definition(job: Job, value: str) -> bool:
    if value.startswith("arn:"):
        return job.definition.arn == value
    return _glob(value, job.definition.name)


def _milliseconds(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise request_error(f"{value} is not a time in milliseconds since the epoch") from error


def _before(job: Job, value: str) -> bool:
    return job.created_at < _milliseconds(value)


def _after(job: Job, value: str) -> bool:
    return job.created_at > _milliseconds(value)


def _by_share(job: Job, value: str) -> bool:
    return job.share_identifier == value


_FILTERS: dict[str, Callable[[Job, str], bool]] = {
    "JOB_NAME": _by_name,
    "JOB_DEFINITION": _by_definition,
    "BEFORE_CREATED_AT": _before,
    "AFTER_CREATED_AT": _after,
    "SHARE_IDENTIFIER": _by_share,
}
