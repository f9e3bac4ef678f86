"""What a function prints: one line of JSON for each run, and metrics in CloudWatch's own format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: As the workers' metrics.
NAMESPACE = "NextflowBatch"
DEPLOYMENT = "deployment"
_DENIED = (
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
    # SNS: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    *("AuthorizationError", "KMSAccessDenied"),
)
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")

Facts = dict[str, Any]


class MissingPermissionError(Exception):
    """The function's role may not do what the function is for."""


def run(name: str, deployment: str, work: Callable[[], Facts]) -> Facts:
    """Do the work of a function, and print what it did.

    Args:
        name: What the function is called.
        deployment: The deployment.
        work: Does it; returns what it did.

    Returns:
        What was printed.

    Raises:
        MissingPermissionError: A permission is missing; the line names it. Work ends at the first
            refusal.
    """
    line: Facts = {"event": f"janitor {name}", DEPLOYMENT: deployment}
    try:
        line |= {"outcome": "done", **work()}
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code not in _DENIED:
            print(json.dumps({**line, "outcome": "failed", "reason": str(error)}))
            raise
        missing = _missing(error)
        reason = f"the function's role lacks {missing}; nothing else was touched"
        print(json.dumps({**line, "outcome": "no permission", "missing": missing}))
        raise MissingPermissionError(reason) from error
    print(json.dumps(line))
    return line


def _missing(error: ClientError) -> str:
    """The action that was refused, by AWS's message or else by the operation's name."""
    message = error.response.get("Error", {}).get("Message", "")
    found = _ACTION.search(message)
    return found[1] if found else error.operation_name


def emit(
    event: str, facts: Mapping[str, object], *, metrics: Mapping[str, float], **at: str
) -> None:
    """Print metrics.

    Args:
        event: What the line is about.
        facts: What else it says.
        metrics: Counts by the metrics' names.
        at: Their dimensions.
    """
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(at)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in metrics],
    }
    stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"event": event, **at, **facts, **metrics, "_aws": stamp}))
