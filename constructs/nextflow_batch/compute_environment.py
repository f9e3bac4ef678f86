"""Instances that Batch starts and ends with the jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aws_cdk import Duration, Tags
from aws_cdk import aws_batch as batch

from nextflow_batch.instance_types import Resources, offered

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam
    from constructs import Construct

    from nextflow_batch.worker import Worker

#: How long a job may go on while Batch replaces workers: the longest that Batch allows.
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdatePolicy.html
LONGEST_TASK = Duration.minutes(7_200)

#: What a job can have of an instance's memory. The kernel takes its part before ECS counts (AWS's
#: example: 7,985 of 8,192 MiB are left), and of the rest AWS recommends to leave 5 % to the agent.
#: https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
MEMORY_SHARE = 0.925


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Which instances a compute environment may start, and how many.

    Attributes:
        purchase: How the instances are paid for.
        instance_types: Families (m6i), types (m6i.xlarge) or `optimal`; of one architecture.
        max_vcpus: Up to how many vCPUs run at once.
        bid_percentage: Highest Spot price in percent of the On-Demand price; Batch's default of
            100 when not given.
        image_type: The ECS-optimized AMI.
    """

    purchase: Literal["on-demand", "spot"]
    instance_types: tuple[str, ...] = ("optimal",)
    max_vcpus: int = 256
    bid_percentage: int | None = None
    image_type: Literal["ECS_AL2023", "ECS_AL2023_NVIDIA"] = "ECS_AL2023"

    @property
    def unknown_types(self) -> list[str]:
        """Those of the instance types that the library's table lacks."""
        return [name for name in self.instance_types if not offered(name)]

    def largest_job(self) -> Resources:
        """What a job may ask for and still be started: the instance with the most memory.

        Batch starts an instance beyond `max_vcpus` at most once, if at all, so only those within
        it are counted; the smallest, if none is.

        Returns:
            vCPUs and MiB that one instance has both, less what jobs cannot have.

        Raises:
            ValueError: None of the instance types is in the library's table.
        """
        known = [resources for name in self.instance_types for resources in offered(name)]
        if not known:
            raise ValueError(f"no known instance type among {', '.join(self.instance_types)}")
        startable = [entry for entry in known if entry.vcpus <= self.max_vcpus] or [min(known)]
        largest = max(startable, key=lambda entry: (entry.memory_mib, entry.vcpus))
        return Resources(
            vcpus=min(largest.vcpus, self.max_vcpus),
            memory_mib=int(largest.memory_mib * MEMORY_SHARE),
        )


class ComputeEnvironment(batch.ManagedEc2EcsComputeEnvironment):
    """A managed compute environment of workers that scales to zero.

    It has no physical name, so that a change which replaces it does not collide with itself.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        capacity: Capacity,
        worker: Worker,
        worker_name: str,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        security_group: ec2.ISecurityGroup,
        service_role: iam.IRole | None = None,
    ) -> None:
        """Define the environment.

        Args:
            scope: The parent.
            construct_id: Its name below the parent.
            capacity: Which instances, and how many.
            worker: How an instance starts.
            worker_name: The instances' Name tag.
            vpc: Where they run.
            subnets: In which of its subnets; its private ones when not given.
            security_group: What they may talk to.
            service_role: A Batch service role of one's own. Only without one, that is with the
                service-linked role, does Batch update workers in place.
        """
        spot = capacity.purchase == "spot"
        super().__init__(
            scope,
            construct_id,
            vpc=vpc,
            vpc_subnets=subnets,
            security_groups=[security_group],
            spot=spot,
            spot_bid_percentage=capacity.bid_percentage,
            allocation_strategy=batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
            if spot
            else batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
            images=[
                batch.EcsMachineImage(image_type=batch.EcsMachineImageType(capacity.image_type))
            ],
            instance_role=worker.role,
            launch_template=worker.launch_template,
            minv_cpus=0,
            maxv_cpus=capacity.max_vcpus,
            service_role=service_role,
            replace_compute_environment=service_role is not None,
            terminate_on_update=False,
            update_timeout=LONGEST_TASK,
        )
        resource = self.node.default_child
        assert isinstance(resource, batch.CfnComputeEnvironment)  # noqa: S101 - tells mypy
        # The construct has classes of its own for these, which know no families newer than itself.
        resource.add_property_override(
            "ComputeResources.InstanceTypes", list(capacity.instance_types)
        )
        # Left out, the version is $Default, which CloudFormation leaves at 1 for ever.
        # https://github.com/aws/aws-cdk/issues/28137
        resource.add_property_override(
            "ComputeResources.LaunchTemplate.Version",
            worker.launch_template.latest_version_number,
        )
        Tags.of(self).add("Name", worker_name)
