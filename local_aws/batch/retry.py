"""What becomes of a job whose attempt failed."""

from collections.abc import Sequence
from typing import Any

from local_aws.batch.errors import request_error

MAX_ATTEMPTS = 10
MAX_CONDITIONS = 5
_MAX_PATTERN = 512
_CONDITIONS = ("onStatusReason", "onReason", "onExitCode")


def check_strategy(strategy: dict[str, Any]) -> None:
    """Refuse a retry strategy that AWS refuses.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html

    Args:
        strategy: `retryStrategy` of a job or a job definition.

    Raises:
        ClientException: It breaks a documented limit.
    """
    attempts = strategy.get("attempts")
    if attempts is not None and not 1 <= attempts <= MAX_ATTEMPTS:
        raise request_error(f"retryStrategy.attempts must be between 1 and {MAX_ATTEMPTS}")
    rules = strategy.get("evaluateOnExit", [])
    if rules and attempts is None:
        raise request_error(
            "retryStrategy.attempts must be specified if evaluateOnExit is specified"
        )
    if len(rules) > MAX_CONDITIONS:
        raise request_error(f"evaluateOnExit must have at most {MAX_CONDITIONS} conditions")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: dict[str, str]) -> None:
    for name in _CONDITIONS:
        pattern = rule.get(name, "")
        if len(pattern) > _MAX_PATTERN:
            raise request_error(f"{name} must be at most {_MAX_PATTERN} characters")
        stem = pattern.removesuffix("*")
        if not _is_stem(name, stem):
            allowed = (
                "numbers" if name == "onExitCode" else "letters, numbers, periods, colons, spaces"
            )
            raise request_error(
                f"{name} {pattern} must contain only {allowed}, optionally ending with *"
            )


def _is_stem(name: str, stem: str) -> bool:
    if name == "onExitCode":
        return stem == "" or stem.isdigit()
    return all(character.isalnum() or character in ".: \t" for character in stem)


def should_retry(
    rules: Sequence[dict[str, str]],
    *,
    status_reason: str | None,
    reason: str | None,
    exit_code: int | None,
) -> bool:
    """Apply `evaluateOnExit` to a failed attempt that has attempts left.

    The first rule whose conditions all hold decides; if none does, the job is retried
    (https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html).

    Args:
        rules: The conditions in their order.
        status_reason: The attempt's status reason.
        reason: The container's reason.
        exit_code: The container's exit code; None if it has none.

    Returns:
        True to try again.
    """
    values = {
        "onStatusReason": status_reason or "",
        "onReason": reason or "",
        "onExitCode": "" if exit_code is None else str(exit_code),
    }
    for rule in rules:
        if all(_holds(rule[name], values[name]) for name in _CONDITIONS if rule.get(name)):
            return rule["action"] == "RETRY"
    return True


def _holds(pattern: str, value: str) -> bool:
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern
