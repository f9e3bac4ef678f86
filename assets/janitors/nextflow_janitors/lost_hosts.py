"""Counts tasks that lose their hosts, which on Spot is what an interruption costs.

EC2's own warnings name an instance only, of any use in the account; Batch's events name the job.
"""

from __future__ import annotations

from typing import Any

from nextflow_janitors import report
from nextflow_janitors.environment import Environment

METRIC = "LostHosts"


def handler(event: dict[str, Any], _context: object = None) -> None:
    """Handle a `Batch Job State Change` of a job that has lost its host."""
    detail = event["detail"]
    reasons = [detail.get("statusReason")]
    reasons += [each.get("statusReason") for each in detail.get("attempts", ())]
    report.emit(
        "host lost",
        {"job": detail["jobId"], "name": detail.get("jobName"), "reason": reasons[-1]},
        metrics={METRIC: 1},
        deployment=Environment.read().deployment,
    )
