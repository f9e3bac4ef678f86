"""The operations on compute environments."""

from typing import Any

from moto.ecs.models import ecs_backends

from local_aws.batch import launch_template, limits
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.operations.pages import page
from local_aws.batch.place import Place
from local_aws.batch.references import check_resources, service_role
from local_aws.batch.service import Batch

Json = dict[str, Any]


def create(batch: Batch, request: Json) -> Json:
    """CreateComputeEnvironment."""
    state, name = batch.state, request["computeEnvironmentName"]
    limits.check_resource_name("computeEnvironmentName", name)
    limits.check_tags(request.get("tags", {}))
    if request["type"] != "MANAGED":
        raise request_error(f"type {request['type']}: the local AWS has MANAGED only")
    with state.lock:
        if state.find_compute_environment(name):
            raise ClientException("Object already exists")
        if len(state.compute_environments) >= limits.MAX_COMPUTE_ENVIRONMENTS:
            raise request_error(
                f"Compute environment limit of {limits.MAX_COMPUTE_ENVIRONMENTS} exceeded"
            )
        role = service_role(state.place, request.get("serviceRole"))
        check_resources(state.place, request.get("computeResources"))
        environment = ComputeEnvironment(state.place, request, role)
        _validate(state.place, environment)
        cluster = _ecs(state.place).create_cluster(environment.cluster_name)
        environment.cluster_arn = cluster.arn
        state.compute_environments[environment.arn] = environment
        state.add_tags(environment.arn, request.get("tags", {}))
    return _names(environment)


def update(batch: Batch, request: Json) -> Json:
    """UpdateComputeEnvironment."""
    state = batch.state
    with state.lock:
        environment = state.compute_environment(request["computeEnvironment"])
        environment.check_settled("update")
        role = environment.service_role
        replaces = False
        if "serviceRole" in request:
            role = service_role(state.place, request["serviceRole"])
        if "computeResources" in request:
            check_resources(state.place, environment.resources | request["computeResources"])
            replaces = environment.change_resources(request["computeResources"])
        environment.service_role = role
        environment.state = request.get("state", environment.state)
        environment.update_policy = request.get("updatePolicy", environment.update_policy)
        if replaces:
            batch.scheduler.replace_instances(environment)
        if "computeResources" in request:
            _validate(state.place, environment)
        batch.scheduler.dispatch()
    return _names(environment)


def delete(batch: Batch, request: Json) -> Json:
    """DeleteComputeEnvironment: of a disabled one that no queue uses."""
    state = batch.state
    with state.lock:
        environment = state.find_compute_environment(request["computeEnvironment"])
        if environment is None:
            return {}
        environment.check_settled("delete")
        if environment.state != "DISABLED":
            raise ClientException("Cannot delete, compute environment state is not DISABLED")
        if any(environment in queue.environments for queue in state.job_queues.values()):
            # https://github.com/hashicorp/terraform-provider-aws/issues/13221
            raise ClientException("Cannot delete, found existing JobQueue relationship")
        for execution in batch.scheduler.executions_on(environment):
            execution.lose_host()  # its instances go with it
        del state.compute_environments[environment.arn]
        _ecs(state.place).delete_cluster(environment.cluster_name)
    return {}


def describe(batch: Batch, request: Json) -> Json:
    """DescribeComputeEnvironments; unknown names are left out."""
    state = batch.state
    environments = list(state.compute_environments.values())
    if names := request.get("computeEnvironments"):
        found = map(state.find_compute_environment, names)
        environments = [item for item in found if item is not None]
    return page(
        request,
        environments,
        lambda item: item.arn,
        "computeEnvironments",
        lambda item: item.describe(state.tags_of(item.arn)),
    )


def _validate(place: Place, environment: ComputeEnvironment) -> None:
    specification = environment.resources.get("launchTemplate")
    environment.validate(launch_template.fault(place, specification))


def _ecs(place: Place) -> Any:
    return ecs_backends[place.account_id][place.region]


def _names(environment: ComputeEnvironment) -> Json:
    return {
        "computeEnvironmentName": environment.name,
        "computeEnvironmentArn": environment.arn,
    }
