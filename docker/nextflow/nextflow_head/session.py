"""The identity of a run: what is the same for all attempts of a job, and what is not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from nextflow_head.environment import Environment
from nextflow_head.location import Location


@dataclass(frozen=True)
class Session:
    """A Nextflow session and this attempt's run in it.

    A task counts as done already only within its session, so all attempts of a Batch job share
    one, known from the job's id alone: nothing has to survive the attempt before.

    Attributes:
        id: Nextflow's session id.
        run_name: Nextflow's name for this attempt's run; Nextflow refuses one that was used.
        work: The work directory of all attempts.
        cache: Where the cloud cache keeps which tasks are done, or None without that plugin.
        logs: Where this attempt's logs and reports are kept.
    """

    id: str
    run_name: str
    work: Location
    cache: Location | None
    logs: Location

    @classmethod
    def of(cls, environment: Environment, *, cloud_cache: bool) -> Session:
        """The session of a Batch job.

        Args:
            environment: What the head was told.
            cloud_cache: Whether the image brings the plugin that keeps the cache in S3.
        """
        # Children of array and multi-node jobs are told apart by what follows ':' or '#'. A run's
        # name begins with a letter and holds letters, digits and single '-'.
        job = environment.job_id.replace(":", "-").replace("#", "-")
        run = environment.work / f"run-{job}"
        run_name = f"run-{job}-a{environment.attempt}"
        return cls(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"aws-batch-job:{environment.job_id}")),
            run_name=run_name,
            work=run / "work",
            cache=run / "cache" if cloud_cache else None,
            logs=environment.logs / run_name,
        )
