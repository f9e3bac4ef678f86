"""The state of AWS Batch in one account and region."""

from collections.abc import Iterable
from threading import RLock
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.ecs.models import ecs_backends
from moto.utilities.tagging_service import TaggingService

from local_aws.batch import launch_template, limits, urls
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.job import Job
from local_aws.batch.job_definition import JobDefinition
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.references import check_resources, service_role
from local_aws.batch.request import checked
from local_aws.batch.scheduler import Scheduler
from local_aws.batch.scheduling_policy import SchedulingPolicy

Request = dict[str, Any]


class LocalBatch(BaseBackend):  # type: ignore[misc]
    """What exists, and the operations that change it.

    Attributes:
        compute_environments: By ARN.
        job_queues: By ARN.
        job_definitions: By ARN, revisions in the order of registration.
        jobs: By id, children of array jobs included.
        scheduling_policies: By ARN.
        lock: Held while any of this changes.
        scheduler: Places jobs.

    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.compute_environments: dict[str, ComputeEnvironment] = {}
        self.job_queues: dict[str, JobQueue] = {}
        self.job_definitions: dict[str, JobDefinition] = {}
        self.jobs: dict[str, Job] = {}
        self.scheduling_policies: dict[str, SchedulingPolicy] = {}
        self.lock = RLock()
        self.tagger = TaggingService()
        self.scheduler = Scheduler(self)

    @property
    def _url_module(self) -> Any:
        return urls

    def reset(self) -> None:
        """Stop what runs and forget everything."""
        self.scheduler.stop_all()
        super().reset()

    def arn(self, kind: str, name: str) -> str:
        """Make an ARN of this account and region."""
        return f"arn:{self.partition}:batch:{self.region_name}:{self.account_id}:{kind}/{name}"

    def tags_of(self, arn: str) -> dict[str, str]:
        """Read a resource's tags."""
        return dict(self.tagger.get_tag_dict_for_resource(arn))

    def set_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Replace all tags of a resource."""
        self.tagger.delete_all_tags_for_resource(arn)
        self.add_tags(arn, tags)

    def add_tags(self, arn: str, tags: dict[str, str]) -> None:
        """Add tags to a resource, or change them."""
        limits.check_tags(self.tags_of(arn) | tags)
        self.tagger.tag_resource(arn, self.tagger.convert_dict_to_tags_input(tags))

    def remove_tags(self, arn: str, keys: Iterable[str]) -> None:
        """Take tags off a resource."""
        self.tagger.untag_resource_using_names(arn, list(keys))

    def known_arn(self, arn: str) -> bool:
        """Tell whether a resource that can carry tags exists."""
        stores: tuple[dict[str, Any], ...] = (
            self.compute_environments,
            self.job_queues,
            self.job_definitions,
            self.scheduling_policies,
        )
        return any(arn in store for store in stores) or any(
            job.arn == arn and job.array_index is None for job in list(self.jobs.values())
        )

    def compute_environment(self, reference: str) -> ComputeEnvironment | None:
        """Find a compute environment by name or ARN."""
        arn = reference if reference.startswith("arn:") else None
        return self.compute_environments.get(arn or self.arn("compute-environment", reference))

    def job_queue(self, reference: str) -> JobQueue | None:
        """Find a queue by name or ARN."""
        arn = reference if reference.startswith("arn:") else None
        return self.job_queues.get(arn or self.arn("job-queue", reference))

    def job_definition(self, reference: str) -> JobDefinition | None:
        """Find a revision by `name`, `name:revision`, or ARN with or without the revision.

        Without a revision it is the latest active one
        (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html).
        """
        name = reference.rpartition("/")[2]
        if ":" in name:
            return self.job_definitions.get(self.arn("job-definition", name))
        revisions = [d for d in self.job_definitions.values() if d.name == name]
        active = [d for d in revisions if d.status == "ACTIVE"]
        return max(active, key=lambda d: d.revision, default=None)

    def create_compute_environment(self, request: Request) -> ComputeEnvironment:
        """Create a compute environment."""
        request = checked("CreateComputeEnvironment", request)
        name = request["computeEnvironmentName"]
        limits.check_resource_name("computeEnvironmentName", name)
        limits.check_tags(request.get("tags", {}))
        with self.lock:
            if self.compute_environment(name):
                raise ClientException("Object already exists")
            if len(self.compute_environments) >= limits.MAX_COMPUTE_ENVIRONMENTS:
                raise request_error(
                    f"Compute environment limit of {limits.MAX_COMPUTE_ENVIRONMENTS} exceeded"
                )
            role = service_role(self, request.get("serviceRole"))
            if request["type"] == "MANAGED":
                check_resources(self, request.get("computeResources"))
            environment = ComputeEnvironment(self, request, role)
            self._validate(environment)
            cluster = ecs_backends[self.account_id][self.region_name].create_cluster(
                environment.cluster_name
            )
            environment.cluster_arn = cluster.arn
            self.compute_environments[environment.arn] = environment
            self.add_tags(environment.arn, request.get("tags", {}))
        return environment

    def _validate(self, environment: ComputeEnvironment) -> None:
        fault = launch_template.fault(self, environment.resources.get("launchTemplate"))
        environment.status = "INVALID" if fault else "VALID"
        environment.status_reason = (
            f"CLIENT_ERROR - {fault}" if fault else "ComputeEnvironment Healthy"
        )

    def update_compute_environment(self, request: Request) -> ComputeEnvironment:
        """Change a compute environment in place."""
        request = checked("UpdateComputeEnvironment", request)
        with self.lock:
            environment = self._existing_environment(request["computeEnvironment"])
            role = environment.service_role
            if "serviceRole" in request:
                role = service_role(self, request["serviceRole"])
            if "computeResources" in request:
                if environment.type == "MANAGED":
                    check_resources(self, environment.resources | request["computeResources"])
                environment.change_resources(request["computeResources"])
                self._validate(environment)
            environment.service_role = role
            environment.state = request.get("state", environment.state)
            environment.update_policy = request.get("updatePolicy", environment.update_policy)
            environment.ecs_settings = request.get("ecsSettings", environment.ecs_settings)
            self.scheduler.dispatch()
        return environment

    def _existing_environment(self, reference: str) -> ComputeEnvironment:
        environment = self.compute_environment(reference)
        if environment is None:
            raise ClientException(f"{reference} does not exist")
        return environment

    def delete_compute_environment(self, request: Request) -> None:
        """Delete a compute environment that is disabled and that no queue uses."""
        request = checked("DeleteComputeEnvironment", request)
        with self.lock:
            environment = self.compute_environment(request["computeEnvironment"])
            if environment is None:
                return
            if environment.state != "DISABLED":
                raise ClientException("Cannot delete, compute environment state is not DISABLED")
            if any(environment in queue.environments for queue in self.job_queues.values()):
                # https://github.com/hashicorp/terraform-provider-aws/issues/13221
                raise ClientException("Cannot delete, found existing JobQueue relationship")
            self.remove_compute_environment(environment)

    def remove_compute_environment(self, environment: ComputeEnvironment) -> None:
        """Forget a compute environment and the ECS cluster that Batch made for it."""
        del self.compute_environments[environment.arn]
        self.tagger.delete_all_tags_for_resource(environment.arn)
        ecs_backends[self.account_id][self.region_name].delete_cluster(environment.cluster_name)

    def remove_superseded(self) -> None:
        """Delete replaced compute environments that no queue uses any more."""
        used = {e.arn for queue in self.job_queues.values() for e in queue.environments}
        for environment in list(self.compute_environments.values()):
            if environment.superseded and environment.arn not in used:
                self.remove_compute_environment(environment)

    def create_job_queue(self, request: Request) -> JobQueue:
        """Create a queue."""
        request = checked("CreateJobQueue", request)
        limits.check_resource_name("jobQueueName", request["jobQueueName"])
        limits.check_time_limits(request.get("jobStateTimeLimitActions", []))
        limits.check_tags(request.get("tags", {}))
        with self.lock:
            if self.job_queue(request["jobQueueName"]):
                raise ClientException("Object already exists")
            if len(self.job_queues) >= limits.MAX_QUEUES:
                raise request_error(f"Job queue limit of {limits.MAX_QUEUES} exceeded")
            environments = self._ordered(request.get("computeEnvironmentOrder", []))
            self._check_policy(request.get("schedulingPolicyArn"))
            queue = JobQueue(self, request, environments)
            self.job_queues[queue.arn] = queue
            self.add_tags(queue.arn, request.get("tags", {}))
        return queue

    def _ordered(self, order: list[dict[str, Any]]) -> list[ComputeEnvironment]:
        if not 1 <= len(order) <= limits.MAX_ENVIRONMENTS_PER_QUEUE:
            raise request_error(
                "computeEnvironmentOrder must name between 1 and "
                f"{limits.MAX_ENVIRONMENTS_PER_QUEUE} compute environments"
            )
        if len({entry["order"] for entry in order}) < len(order):
            raise request_error("computeEnvironmentOrder has the same order twice")
        ranked = sorted(order, key=lambda entry: int(entry["order"]))
        found = [self._existing_environment(entry["computeEnvironment"]) for entry in ranked]
        for environment in found:
            if environment.status != "VALID":
                raise ClientException(f"{environment.arn} is not in VALID state")
        if len({environment.is_fargate for environment in found}) > 1:
            raise request_error("EC2 and Fargate compute environments cannot share a job queue")
        if len({name for environment in found for name in environment.architectures}) > 1:
            raise request_error(
                "Compute environments of a job queue must share the same architecture"
            )
        return found

    def _check_policy(self, arn: str | None) -> None:
        if arn is not None and arn not in self.scheduling_policies:
            raise ClientException(f"{arn} does not exist")

    def update_job_queue(self, request: Request) -> JobQueue:
        """Change a queue in place."""
        request = checked("UpdateJobQueue", request)
        limits.check_time_limits(request.get("jobStateTimeLimitActions", []))
        with self.lock:
            queue = self.job_queue(request["jobQueue"])
            if queue is None:
                raise ClientException(f"{request['jobQueue']} does not exist")
            policy = request.get("schedulingPolicyArn", queue.policy_arn)
            if policy != queue.policy_arn and queue.policy_arn is None:
                raise request_error("A scheduling policy cannot be added to a FIFO job queue")
            self._check_policy(policy)
            if "computeEnvironmentOrder" in request:
                order = request["computeEnvironmentOrder"]
                queue.set_environments(order, self._ordered(order))
            queue.policy_arn = policy
            queue.state = request.get("state", queue.state)
            queue.priority = request.get("priority", queue.priority)
            queue.time_limits = request.get("jobStateTimeLimitActions", queue.time_limits)
            self.remove_superseded()
            self.scheduler.dispatch()
        return queue

    def delete_job_queue(self, request: Request) -> None:
        """Delete a disabled queue; its jobs are terminated."""
        queue = self.job_queue(checked("DeleteJobQueue", request)["jobQueue"])
        if queue is None:
            return
        if queue.state != "DISABLED":
            raise ClientException("Cannot delete, job queue state is not DISABLED")
        self.remove_job_queue(queue)

    def remove_job_queue(self, queue: JobQueue) -> None:
        """Disable and delete a queue, and terminate its jobs."""
        with self.lock:
            queue.state = "DISABLED"
            for job in [job for job in self.jobs.values() if job.queue is queue]:
                self.scheduler.terminate(job, "Job queue deleted")
            del self.job_queues[queue.arn]
            self.tagger.delete_all_tags_for_resource(queue.arn)
            self.remove_superseded()

    def register_job_definition(self, request: Request) -> JobDefinition:
        """Register the next revision of a name."""
        request = checked("RegisterJobDefinition", request)
        limits.check_definition(request)
        name = request["jobDefinitionName"]
        with self.lock:
            known = [d.revision for d in self.job_definitions.values() if d.name == name]
            definition = JobDefinition(self, request, max(known, default=0) + 1)
            self.job_definitions[definition.arn] = definition
            self.add_tags(definition.arn, request.get("tags", {}))
        return definition

    def deregister_job_definition(self, request: Request) -> None:
        """Make a revision INACTIVE; running jobs keep it."""
        reference = checked("DeregisterJobDefinition", request)["jobDefinition"]
        definition = self.job_definition(reference)
        if definition is not None:
            definition.status = "INACTIVE"
