"""Counts tasks that lose their hosts, which on Spot is what an interruption costs.

EC2's own warnings name an instance only, of any use in the account; Batch's events name the job.
"""

from __future__ import annotations

from typing import Any

from nextflow_janitors import report
from nextflow_janitors.environment import Environment

METRIC = "LostHosts"
#: How Batch says that a job's instance is gone.
_REASON = "Host EC2"


def handler(event: dict[str, Any], _context: object = None) -> None:
    """Handle a `Batch Job State Change` of a job that has lost its host, now or earlier."""
    detail = event["detail"]
    ended = detail if detail["status"] == "FAILED" else detail["attempts"][-1]
    reason = ended.get("statusReason", "")
    if not reason.startswith(_REASON):
        return
    report.emit(
        "host lost",
        {"job": detail["jobId"], "name": detail.get("jobName"), "reason": reason},
        metrics={METRIC: 1},
        deployment=Environment.read().deployment,
    )
