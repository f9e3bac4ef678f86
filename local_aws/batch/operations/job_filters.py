"""The filters of ListJobs."""

from collections.abc import Callable, Sequence

from local_aws.batch.errors import request_error
from local_aws.batch.job import Job


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
