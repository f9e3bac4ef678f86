"""Where the AWS console shows a run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from nfbatch.deployment import Deployment
    from nfbatch.run import Run

#: The console's domain by the beginning of a region's name.
_DOMAINS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_DOMAIN = "console.aws.amazon.com"


def of_run(deployment: Deployment, head: Run, region: str) -> dict[str, str]:
    """The addresses of a run, by what they show.

    Args:
        deployment: The deployment.
        head: The run.
        region: The region.
    """
    domain = next((host for start, host in _DOMAINS.items() if region.startswith(start)), _DOMAIN)
    host = f"https://{region}.{domain}"
    logs = head.logs(deployment)
    found = {
        "job": f"{host}/batch/home?region={region}#jobs/detail/{head.id}",
        "files": f"{host}/s3/buckets/{logs.bucket}?"
        + urlencode({"region": region, "prefix": f"{logs.key}/", "showversions": "false"}),
    }
    stream = head.job.get("container", {}).get("logStreamName")
    if stream:
        found["log"] = (
            f"{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
            f"{_in_fragment(deployment.log_group)}/log-events/{_in_fragment(stream)}"
        )
    return found


def _in_fragment(name: str) -> str:
    """A name as CloudWatch's console writes it: encoded twice, with $ in place of %."""
    return quote(quote(name, safe=""), safe="").replace("%", "$")
