"""The operations on job definitions."""

from typing import Any

from local_aws.batch import limits
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.operations.pages import page
from local_aws.batch.service import Batch

Json = dict[str, Any]


def register(batch: Batch, request: Json) -> Json:
    """RegisterJobDefinition: the next revision of a name."""
    state, name = batch.state, request["jobDefinitionName"]
    limits.check_definition(request)
    with state.lock:
        revisions = [d.revision for d in state.job_definitions.values() if d.name == name]
        definition = JobDefinition(state.place, request, max(revisions, default=0) + 1)
        state.job_definitions[definition.arn] = definition
        state.add_tags(definition.arn, request.get("tags", {}))
    return {
        "jobDefinitionName": definition.name,
        "jobDefinitionArn": definition.arn,
        "revision": definition.revision,
    }


def deregister(batch: Batch, request: Json) -> Json:
    """DeregisterJobDefinition: makes a revision INACTIVE; running jobs keep it."""
    definition = batch.state.find_job_definition(request["jobDefinition"])
    if definition is not None:
        definition.status = "INACTIVE"
    return {}


def describe(batch: Batch, request: Json) -> Json:
    """DescribeJobDefinitions by list, name, status, or all."""
    state = batch.state
    definitions = list(state.job_definitions.values())
    if references := request.get("jobDefinitions"):
        definitions = [d for d in definitions if any(map(d.is_named_by, references))]
    if "jobDefinitionName" in request:
        definitions = [d for d in definitions if d.name == request["jobDefinitionName"]]
    if "status" in request:
        definitions = [d for d in definitions if d.status == request["status"]]
    return page(
        request,
        definitions,
        lambda item: item.arn,
        "jobDefinitions",
        lambda item: item.describe(state.tags_of(item.arn)),
    )
