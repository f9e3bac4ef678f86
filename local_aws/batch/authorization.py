"""Which resources IAM checks for an operation.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch

# The member that names the resource, and the resource's kind in its ARN.
_ONE_RESOURCE = {
    "CreateComputeEnvironment": ("computeEnvironmentName", "compute-environment"),
    "CreateJobQueue": ("jobQueueName", "job-queue"),
    "CreateSchedulingPolicy": ("name", "scheduling-policy"),
    "DeleteComputeEnvironment": ("computeEnvironment", "compute-environment"),
    "DeleteJobQueue": ("jobQueue", "job-queue"),
    "DeregisterJobDefinition": ("jobDefinition", "job-definition"),
    "GetJobQueueSnapshot": ("jobQueue", "job-queue"),
    "RegisterJobDefinition": ("jobDefinitionName", "job-definition"),
    "UpdateComputeEnvironment": ("computeEnvironment", "compute-environment"),
    "UpdateJobQueue": ("jobQueue", "job-queue"),
    "CancelJob": ("jobId", "job"),
    "TerminateJob": ("jobId", "job"),
    "TagResource": ("resourceArn", ""),
    "UntagResource": ("resourceArn", ""),
    "ListTagsForResource": ("resourceArn", ""),
    "DeleteSchedulingPolicy": ("arn", ""),
    "UpdateSchedulingPolicy": ("arn", ""),
}
_BULK = {"CancelJobs": "jobs", "TerminateJobs": "jobs"}


def resources_of(backend: "LocalBatch", action: str, request: dict[str, Any]) -> list[str]:
    """List the ARNs that a request needs permission for.

    Args:
        backend: Batch in the account and region.
        action: The operation.
        request: The request, not yet checked.

    Returns:
        ARNs; `*` for operations without resource-level permissions.

    """
    if action == "SubmitJob":
        definition = backend.job_definition(str(request.get("jobDefinition")))
        named = _arn(backend, "job-definition", request.get("jobDefinition"))
        return [
            _arn(backend, "job-queue", request.get("jobQueue")),
            definition.arn if definition else named,
        ]
    if action in _BULK:
        return [_arn(backend, "job", job) for job in request.get(_BULK[action], [])] or ["*"]
    if action in _ONE_RESOURCE:
        member, kind = _ONE_RESOURCE[action]
        return [_arn(backend, kind, request.get(member))]
    return ["*"]


def _arn(backend: "LocalBatch", kind: str, reference: Any) -> str:
    text = str(reference)
    return text if text.startswith("arn:") else backend.arn(kind, text)
