"""Disables a compute environment whose instances refuse to join again and again.

Batch starts another instance for each that terminates, as long as jobs wait. If the cause lasts,
that never ends. A filter on the workers' log group starts this function with each refusal
(`boot.sh` writes one line for each boot).
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import time
from typing import TYPE_CHECKING, Any

from nextflow_janitors import report
from nextflow_janitors.client import client
from nextflow_janitors.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "brake"
DEPLOYMENT_TAG = "nextflow-batch:deployment"
#: The events of boots, and of this function, in the log group.
REFUSED, JOINED, DISABLED = "boot refused", "boot done", "environment disabled"
#: Where this function keeps its own; what is older than the period counts no more.
STREAM, PERIOD_SECONDS = "worker/brake", 6 * 3600
#: How the names of the streams begin to which workers write, and no task.
STREAMS = "worker/"


def handler(event: dict[str, Any], _context: object = None) -> report.Facts:
    """Handle log events, as CloudWatch Logs passes them on.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    """
    environment = Environment.read()
    services = {name: client(name) for name in ("batch", "logs", "sns")}
    return report.run(NAME, environment.deployment, lambda: check(event, environment, **services))


def check(
    event: dict[str, Any], environment: Environment, *, batch: Any, logs: Any, sns: Any
) -> report.Facts:
    """Disable the environments that have refused too often.

    Args:
        event: The refusals.
        environment: The deployment.
        batch: A client.
        logs: A client.
        sns: A client.

    Returns:
        What was disabled, and the refusals in a row of each cluster.
    """
    passed_on = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    # The group has the output of tasks, too, which may print what they like.
    new = list(_boots(passed_on)) if passed_on["logStream"].startswith(STREAMS) else []
    clusters = {boot["cluster"] for boot in new if boot.get("cluster")}
    boots = [*_earlier(logs, environment), *new] if clusters else []
    rows = {cluster: _in_a_row(boots, cluster) for cluster in sorted(clusters)}
    disabled = []
    for each in _environments(batch, environment) if rows else ():
        cluster = str(each.get("ecsClusterArn", "")).rpartition("/")[2]
        row = rows.get(cluster, [])
        if len(row) < environment.refusals or each["state"] == "DISABLED":
            continue
        name = each["computeEnvironmentName"]
        batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
        _remember(logs, environment, cluster, name)
        sns.publish(
            TopicArn=environment.topic,
            Subject="A compute environment was disabled",
            Message=_message(name, each["computeEnvironmentArn"].split(":")[3], row),
        )
        disabled.append(name)
    counts = {cluster: len(row) for cluster, row in rows.items()}
    return {"disabled": disabled, "refused_in_a_row": counts}


def _boots(log: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The structured events of an answer or of what a filter passes on, with their times."""
    for each in log.get("logEvents", log.get("events", ())):
        try:
            boot = json.loads(each["message"])
        except ValueError:
            continue
        if isinstance(boot, dict):
            yield {**boot, "time": each["timestamp"]}


def _earlier(logs: Any, environment: Environment) -> Iterator[dict[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=environment.log_group,
        logStreamNamePrefix=STREAMS,
        startTime=int((time.time() - PERIOD_SECONDS) * 1000),
        filterPattern=f'?"{REFUSED}" ?"{JOINED}" ?"{DISABLED}"',
    )
    for page in pages:
        yield from _boots(page)


def _in_a_row(boots: list[dict[str, Any]], cluster: str) -> list[dict[str, Any]]:
    """The refusals of different instances since the last boot that went well."""
    row: dict[str, dict[str, Any]] = {}
    for boot in sorted(boots, key=lambda each: float(each["time"])):
        if boot.get("cluster") != cluster:
            continue
        if boot.get("event") == REFUSED:
            row[str(boot.get("instance"))] = boot
        elif boot.get("event") in (JOINED, DISABLED):
            row.clear()
    return list(row.values())


def _environments(batch: Any, environment: Environment) -> Iterator[dict[str, Any]]:
    for page in batch.get_paginator("describe_compute_environments").paginate():
        for each in page["computeEnvironments"]:
            if each.get("tags", {}).get(DEPLOYMENT_TAG) == environment.deployment:
                yield each


def _remember(logs: Any, environment: Environment, cluster: str, name: str) -> None:
    """Write down that counting starts anew, for when the environment is enabled again."""
    where = {"logGroupName": environment.log_group, "logStreamName": STREAM}
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**where)
    now = int(time.time() * 1000)
    message = json.dumps({"event": DISABLED, "cluster": cluster, "environment": name})
    logs.put_log_events(**where, logEvents=[{"timestamp": now, "message": message}])


def _message(name: str, region: str, row: list[dict[str, Any]]) -> str:
    last = row[-1]
    return "\n".join(
        [
            f"{len(row)} instances in a row refused to join, so the compute environment {name} was"
            " disabled: no further ones are started there. Running jobs continue.",
            f"The last reason ({last.get('instance')}): {last.get('reason')}",
            "When the cause is mended, enable it again:",
            f"aws batch update-compute-environment --region {region} --compute-environment {name}"
            " --state ENABLED",
        ]
    )
