"""The tags of the head's own Batch job: whose it is, and how its run ended.

A container cannot set its job's statusReason, which is `Essential container in task exited` for
all that fail; a job's tags may be changed while it runs, and `aws batch describe-jobs` and Batch's
console show them: https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from nextflow_head.aws import Aws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nextflow_head.outcome import Outcome

#: The deployment's name. Heads of other deployments may neither tag nor end a job that has it.
DEPLOYMENT = "nextflow-deployment"
OUTCOME, REASON = "nextflow-outcome", "nextflow-reason"

#: Seconds that a head waits for Batch to take the tags before it ends without them.
PATIENCE = 3.0

# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
_LONGEST = 256
_NOT_ALLOWED = re.compile(r"[^\w .:/=+@-]+")


def of(outcome: Outcome) -> dict[str, str]:
    """The tags for an outcome, in the letters that AWS allows."""
    tags = {OUTCOME: outcome.state.value}
    if outcome.line:
        text = re.sub(r"[;,] ", " - ", re.sub("[`'\"]", "", outcome.line))
        text = " ".join(_NOT_ALLOWED.sub(" ", text).split()).replace(" :", ":")
        tags[REASON] = text[:_LONGEST].strip()
    return tags


def claim(container: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Begins to tag the head's own job with its deployment.

    Args:
        container: The container's environment.
        say: Prints a line for the user.
    """
    _begin(_whose(container), container, say)


def put(
    outcome: Outcome, container: Mapping[str, str], say: Callable[[str], None]
) -> threading.Thread:
    """Begins to tag the head's own job with how it ended.

    Args:
        outcome: How the run ended.
        container: The container's environment, which names the job; it may lack anything.
        say: Prints a line for the user.

    Returns:
        The thread that does it; join it for at most `PATIENCE` seconds.
    """
    return _begin(of(outcome) | _whose(container), container, say)


def _whose(container: Mapping[str, str]) -> dict[str, str]:
    name = container.get("NF_DEPLOYMENT")
    return {DEPLOYMENT: name} if name else {}


def _begin(
    tags: dict[str, str], container: Mapping[str, str], say: Callable[[str], None]
) -> threading.Thread:
    """Starts a thread that tags the job; whatever happens in it ends no run."""
    thread = threading.Thread(target=_tag, args=(tags, container, say), daemon=True)
    thread.start()
    return thread


def _tag(tags: dict[str, str], container: Mapping[str, str], say: Callable[[str], None]) -> None:
    region = container.get("AWS_REGION") or container.get("AWS_DEFAULT_REGION")
    job = container.get("AWS_BATCH_JOB_ID")
    if not region or not job or not tags:
        return
    try:
        aws = Aws(region, container.get("AWS_ENDPOINT_URL"))
        batch = aws.client("batch", attempts=2)
        for known in batch.describe_jobs(jobs=[job])["jobs"]:
            batch.tag_resource(resourceArn=known["jobArn"], tags=tags)
    except Exception as error:  # the tags are a courtesy: without them the run ends as it would
        say(f"the job's tags could not be set: {' '.join(str(error).split())}")
