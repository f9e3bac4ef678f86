"""The capacity of a deployment: its compute environments and the queues over them."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct
from pydantic import InstanceOf

from nextflow_batch.arguments import check, refuse
from nextflow_batch.capacity import Capacity, image_conflicts
from nextflow_batch.cluster_access import ClusterAccess
from nextflow_batch.compute_environment import ComputeEnvironment
from nextflow_batch.instance_types import Resources
from nextflow_batch.job_queue import JobQueue
from nextflow_batch.names import ComputeName, QueueName
from nextflow_batch.queue_order import QueueOrder, queue_conflicts
from nextflow_batch.shares import Shares
from nextflow_batch.wildcards import justify_managed
from nextflow_batch.worker import Worker

#: One Spot and one On-Demand environment, the two queues that prefer one to the other, and a few
#: instances of their own for heads: of these types the smallest has room for one.
DEFAULT_CAPACITIES = {
    "heads": Capacity(
        purchase="on-demand",
        instance_types=("m6i.large", "m6a.large", "m7i.large"),
        max_vcpus=32,
    ),
    "ondemand": Capacity(purchase="on-demand"),
    "spot": Capacity(purchase="spot"),
}
DEFAULT_QUEUES = {
    "default": QueueOrder(priority=1, compute_environments=("spot", "ondemand")),
    "highpriority": QueueOrder(priority=100, compute_environments=("ondemand", "spot")),
    "heads": QueueOrder(priority=100, compute_environments=("heads",)),
}

#: Environments that one IAM policy can name.
_PER_POLICY = 25


class Compute(Construct):
    """Compute environments and queues, by name.

    Attributes:
        compute_environments: The environments by name.
        queues: The queues by name.
        security_group: Of every instance; nothing may connect to them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        worker: Worker,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        capacities: Mapping[str, Capacity] = DEFAULT_CAPACITIES,
        queues: Mapping[str, QueueOrder] = DEFAULT_QUEUES,
        own_service_role: bool = False,
        isolated: bool = False,
        shares: Shares | None = None,
        unshared_queue: str | None = None,
    ) -> None:
        """Define environments and queues.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            worker: How each instance starts.
            vpc: Where instances run.
            subnets: In which of its subnets; its private ones when not given.
            capacities: Each environment's instances, by name.
            queues: Each queue's order, by name.
            own_service_role: Make a Batch service role instead of using the service-linked one.
            isolated: Let instances call by HTTPS only, which is all that endpoints answer.
            shares: How teams share the queues; first in, first out when not given.
            unshared_queue: A queue that nevertheless is first in, first out, such as that of heads.

        Raises:
            ArgumentsError: A name, a capacity or an order is not allowed.
        """
        check(
            "Compute",
            worker=(InstanceOf[Worker], worker),
            capacities=(dict[ComputeName, InstanceOf[Capacity]], _as_dict(capacities)),
            queues=(dict[QueueName, InstanceOf[QueueOrder]], _as_dict(queues)),
            shares=(InstanceOf[Shares] | None, shares),
        )
        refuse("Compute", queue_conflicts(queues, capacities))
        refuse("Compute", (entry.below("capacities") for entry in image_conflicts(capacities)))
        super().__init__(scope, construct_id)
        self._capacities = capacities
        self._orders = queues
        self.security_group = self._make_security_group(vpc, isolated=isolated)
        service_role = self._make_service_role() if own_service_role else None
        self.compute_environments = {
            name: ComputeEnvironment(
                self,
                # No environment can change between the two kinds of role: it must be another one.
                f"{name}-environment{'-own-role' if service_role else ''}",
                capacity=capacity,
                worker=worker,
                worker_name=f"batch-{name}-worker",
                vpc=vpc,
                subnets=subnets,
                security_group=self.security_group,
                service_role=service_role,
            )
            for name, capacity in capacities.items()
        }
        cluster_access = self._let_workers_join(worker)
        policy = shares.policy(self, "Shares") if shares else None
        self.queues = {
            name: JobQueue(
                self,
                f"{name}-queue",
                name=name,
                priority=queue.priority,
                scheduling_policy=policy if name != unshared_queue else None,
                compute_environments=[
                    self.compute_environments[key] for key in queue.compute_environments
                ],
            )
            for name, queue in queues.items()
        }
        # No job comes to an environment before its workers may join its cluster.
        for queue in self.queues.values():
            queue.node.add_dependency(*cluster_access)

    def _let_workers_join(self, worker: Worker) -> list[ClusterAccess]:
        environments = list(self.compute_environments.values())
        return [
            ClusterAccess(
                self,
                f"ClusterAccess{first or ''}",
                role=worker.role,
                compute_environments=environments[first : first + _PER_POLICY],
            )
            for first in range(0, len(environments), _PER_POLICY)
        ]

    def _make_security_group(self, vpc: ec2.IVpc, *, isolated: bool) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description=f"Workers: {'HTTPS' if isolated else 'everything'} out, nothing in",
            allow_all_outbound=not isolated,
        )
        if isolated:
            # To any address: those of S3 are a prefix list whose id CloudFormation does not know.
            # The routes lead to S3 and into the VPC only.
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS to endpoints")
        return group

    def largest_job(self, *queues: str) -> Resources | None:
        """What a job may ask for and be started, whichever of the queues it is submitted to.

        Args:
            queues: The queues' names.

        Returns:
            vCPUs and MiB; None, with a warning at synth, where an instance type is too new for
            the library's table.
        """
        per_queue = [
            [self._capacities[name] for name in self._orders[queue].compute_environments]
            for queue in queues
        ]
        unknown = {
            name for capacities in per_queue for entry in capacities for name in entry.unknown_types
        }
        if unknown:
            Annotations.of(self).add_warning_v2(
                "nextflow-batch:unknownInstanceTypes",
                f"tasks get no resource limits, because the sizes of {', '.join(sorted(unknown))}"
                " are not known: run `make instance-types`",
            )
            return None
        # In each queue the environment with the largest instance counts; of the queues, what both
        # can start.
        largest = [
            max((entry.largest_job() for entry in capacities), key=_by_memory)
            for capacities in per_queue
        ]
        return Resources(
            vcpus=min(entry.vcpus for entry in largest),
            memory_mib=min(entry.memory_mib for entry in largest),
        )

    def _make_service_role(self) -> iam.Role:
        name = "service-role/AWSBatchServiceRole"
        role = iam.Role(
            self,
            "BatchServiceRole",
            assumed_by=iam.ServicePrincipal("batch.amazonaws.com"),
            description="Batch itself",
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(name)],
        )
        justify_managed(role, {name: "AWS keeps the policy in step with what Batch calls"})
        return role


def _by_memory(resources: Resources) -> tuple[int, int]:
    return resources.memory_mib, resources.vcpus


def _as_dict(mapping: object) -> object:
    return dict(mapping) if isinstance(mapping, Mapping) else mapping
