"""Which session a job runs in: its own, or that of the job that it resumes."""

from __future__ import annotations

import json

from nextflow_head import plugin
from nextflow_head.aws import Client, aws_errors
from nextflow_head.environment import Environment
from nextflow_head.input_error import InputError
from nextflow_head.record import session_of
from nextflow_head.s3_uri import S3Uri
from nextflow_head.session import Session, folders_of, record_of


def session(environment: Environment, s3: Client, *, cloud_cache: bool) -> Session:
    """The session of this job.

    Args:
        environment: The head's variables.
        s3: The client.
        cloud_cache: Whether the image has the plugin that records completed tasks in S3.

    Raises:
        InputError: The job to resume does not exist, or the image cannot resume.
    """
    own = Session.of(environment)
    resumed = environment.resume
    if resumed is None:
        return own
    setting = f"NF_RESUME={resumed}"
    if not cloud_cache:
        raise InputError(f"{setting} is not allowed: this image has no plugin {plugin.CLOUD_CACHE}")
    record = record_of(resumed, environment.logs)
    problem = f"{setting} is not allowed: {record}, the record of that job, cannot be read"
    with aws_errors(problem, str(record)):
        text = s3.get_object(Bucket=record.bucket, Key=record.key)["Body"].read()
    try:
        name, address = session_of(json.loads(text))
        folder = S3Uri.parse(address)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{setting} is not allowed: {record} is not a run.json") from None
    sessions = folders_of(environment)
    if folder.parent != sessions:
        # Earlier versions kept sessions beside the work directories, where tasks could write.
        raise InputError(
            f"{setting} is not allowed: the session of that job is in {folder}, not in {sessions};"
            " submit the job without NF_RESUME"
        )
    return own.resuming(name, folder, environment)
