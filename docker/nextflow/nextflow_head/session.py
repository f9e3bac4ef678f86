"""The identity of a run: what is the same for all attempts of a job, and what is not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from nextflow_head.environment import Environment
from nextflow_head.s3_uri import S3Uri


@dataclass(frozen=True)
class Session:
    """A Nextflow session and this attempt's run in it.

    Nextflow finds completed tasks only within their session, so all attempts of a Batch job share
    one. Its id is derived from the job's: nothing has to survive the attempt before.

    Its cache and lock are where no task can write: Nextflow trusts what it finds in the cache.

    Attributes:
        id: Nextflow's session id.
        folder: Cache and lock of the session.
        work: The work directory of all attempts.
        run_name: Nextflow's name for this attempt's run; Nextflow refuses one that was used.
        record: Where run.json of the job is kept.
        logs: Where this attempt's logs and reports are kept.
    """

    id: str
    folder: S3Uri
    work: S3Uri
    run_name: str
    record: S3Uri
    logs: S3Uri

    @classmethod
    def of(cls, environment: Environment) -> Session:
        """The session of a Batch job."""
        name = _name(environment.job_id)
        return cls(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"aws-batch-job:{environment.job_id}")),
            folder=folders_of(environment) / name,
            work=_work(environment, name),
            run_name=f"{name}-a{environment.attempt}",
            record=record_of(environment.job_id, environment.logs),
            logs=environment.logs / name / f"a{environment.attempt}",
        )

    def resuming(self, session_id: str, folder: S3Uri, environment: Environment) -> Session:
        """This job's run in the session of an earlier job.

        Args:
            session_id: The session's id.
            folder: The session's folder.
            environment: The head's variables.
        """
        work = _work(environment, folder.name)
        return replace(self, id=session_id, folder=folder, work=work)

    @property
    def cache(self) -> S3Uri:
        """Where the cloud cache records completed tasks."""
        return self.folder / "cache"

    @property
    def lock(self) -> S3Uri:
        """The object that names the job whose head uses this session."""
        return self.folder / "lock.json"


def record_of(job_id: str, logs: S3Uri) -> S3Uri:
    """Where the head of a Batch job keeps its run.json.

    Args:
        job_id: The job's id.
        logs: Where logs and reports are kept.
    """
    return logs / _name(job_id) / "run.json"


def folders_of(environment: Environment) -> S3Uri:
    """Where the folders of all sessions are."""
    return environment.logs / "sessions"


def _work(environment: Environment, name: str) -> S3Uri:
    return environment.work / name / "work"


def _name(job_id: str) -> str:
    # Children of array and multi-node jobs are told apart by what follows ':' or '#'. A run's
    # name begins with a letter and holds letters, digits and single '-'.
    return f"run-{job_id}".replace(":", "-").replace("#", "-")
