"""https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html."""

from collections.abc import Callable, Mapping
from typing import Any

from local_aws.iam.call import Call
from local_aws.iam.keys import Value
from local_aws.iam.policy import Need

_TASKS = "ecs-tasks.amazonaws.com"


def _listing(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [call.need(f"batch:{action}")]


def _register(call: Call) -> list[Need]:
    parameters = call.parameters
    container = parameters.get("containerProperties") or {}
    definition = call.arn("batch", f"job-definition/{parameters['jobDefinitionName']}")
    tags = parameters.get("tags") or {}
    needs = [
        call.need(
            "batch:RegisterJobDefinition", definition, _container_keys(container), new_tags=tags
        )
    ]
    needs += _tagging(call, definition, tags)
    roles = (container.get("jobRoleArn"), container.get("executionRoleArn"))
    return needs + [
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
        call.need(
            "iam:PassRole",
            role,
            {"iam:PassedToService": _TASKS, "iam:AssociatedResourceArn": definition},
        )
        for role in dict.fromkeys(filter(None, roles))
    ]


def _container_keys(container: Mapping[str, Any]) -> dict[str, Value]:
    log = container.get("logConfiguration") or {}
    options = log.get("options") or {}
    privileged = container.get("privileged")
    return {
        "batch:Image": container.get("image"),
        "batch:User": container.get("user"),
        "batch:Privileged": None if privileged is None else str(privileged).lower(),
        "batch:LogDriver": log.get("logDriver"),
        "batch:AWSLogsGroup": options.get("awslogs-group"),
        "batch:AWSLogsRegion": options.get("awslogs-region"),
        "batch:AWSLogsStreamPrefix": options.get("awslogs-stream-prefix"),
        "batch:AWSLogsCreateGroup": options.get("awslogs-create-group"),
    }


def _submit(call: Call) -> list[Need]:
    parameters = call.parameters
    # The id of a job is not known yet.
    job = call.arn("batch", "job/*")
    definition = _named(call, "job-definition", parameters["jobDefinition"])
    queue = _named(call, "job-queue", parameters["jobQueue"])
    tags = parameters.get("tags") or {}
    priority = parameters.get("schedulingPriorityOverride")
    keys: dict[str, Value] = {
        "batch:ShareIdentifier": parameters.get("shareIdentifier"),
        "batch:SchedulingPriority": None if priority is None else str(priority),
    }
    needs = [
        call.need("batch:SubmitJob", resource, keys, new_tags=tags)
        for resource in (job, definition, queue)
    ]
    return needs + _tagging(call, job, tags)


def _named(call: Call, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else call.arn("batch", f"{kind}/{name}")


def _tagging(call: Call, resource: str, tags: Mapping[str, str]) -> list[Need]:
    return [call.need("batch:TagResource", resource, new_tags=tags)] if tags else []


def _tag(call: Call) -> list[Need]:
    return _tagging(call, call.parameters["resourceArn"], call.parameters["tags"])


def _on_job(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [
        call.need(f"batch:{action}", call.arn("batch", f"job/{call.parameters['jobId']}"))
    ]


NEEDS: dict[str, Callable[[Call], list[Need]]] = {
    "CancelJob": _on_job("CancelJob"),
    "DescribeComputeEnvironments": _listing("DescribeComputeEnvironments"),
    "DescribeJobDefinitions": _listing("DescribeJobDefinitions"),
    "DescribeJobQueues": _listing("DescribeJobQueues"),
    "DescribeJobs": _listing("DescribeJobs"),
    "ListJobs": _listing("ListJobs"),
    "RegisterJobDefinition": _register,
    "SubmitJob": _submit,
    "TagResource": _tag,
    "TerminateJob": _on_job("TerminateJob"),
}
