"""What a deployment tells `nfbatch` and other tools, in one parameter of Parameter Store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk import aws_ssm as ssm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from nextflow_batch.shares import Shares
    from nextflow_batch.storage import Storage

#: Raised when a reader of the document would have to change.
FORMAT = 1
#: Parameters of all deployments lie below this path, so that one call finds them.
PATH = "/nextflow-batch"


class DeploymentDocument(ssm.StringParameter):
    """A JSON document; docs/nfbatch.md lists its fields.

    It has no secrets: everybody who may read it may read names and addresses only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: str,
        job_definition: str,
        head_queue: str,
        queues: Sequence[str],
        storage: Storage,
        shares: Shares | None = None,
        unshared_queue: str | None = None,
    ) -> None:
        """Write it.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            deployment: The deployment's name, which names the parameter.
            job_definition: Name of the head's job definition.
            head_queue: The queue that is best for the head.
            queues: All queues.
            storage: Where logs, work directories and uploads lie.
            shares: How teams share the queues, if they do.
            unshared_queue: The queue without shares, if there is one.
        """
        document: dict[str, object] = {
            "format": FORMAT,
            "deployment": deployment,
            "job_definition": job_definition,
            "head_queue": head_queue,
            "queues": list(queues),
            "logs": storage.logs_uri,
            "runs": storage.runs_uri,
            "uploads": storage.uploads_uri,
            "log_group": storage.log_group.log_group_name,
        }
        if shares:
            document["shares"] = {
                "names": list(shares.weight_factors),
                "default": shares.default,
                "queues": [name for name in queues if name != unshared_queue],
            }
        super().__init__(
            scope,
            construct_id,
            parameter_name=f"{PATH}/{deployment}",
            description="Where this deployment of Nextflow on AWS Batch is, for nfbatch",
            string_value=json.dumps(document, indent=2),
        )
