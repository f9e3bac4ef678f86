"""Instances that Batch starts and ends with the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Tags
from aws_cdk import aws_batch as batch
from pydantic import InstanceOf

from nextflow_batch.arguments import check
from nextflow_batch.capacity import Capacity

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam
    from constructs import Construct

    from nextflow_batch.worker import Worker


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
        check("ComputeEnvironment", capacity=(InstanceOf[Capacity], capacity))
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
            update_timeout=Duration.minutes(worker.options.update_minutes),
        )
        resource = self.node.default_child
        assert isinstance(resource, batch.CfnComputeEnvironment)  # noqa: S101 - tells mypy
        # The construct has classes of its own for these, which know no families newer than itself.
        resource.add_property_override(
            "ComputeResources.InstanceTypes", list(capacity.instance_types)
        )
        if service_role:
            # Batch takes no update policy with another role than its own.
            # https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html
            resource.add_property_deletion_override("UpdatePolicy")
        if capacity.image_id:
            # Beside the image type, with which Batch knows how to start it.
            # https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html
            resource.add_property_override(
                "ComputeResources.Ec2Configuration.0.ImageIdOverride", capacity.image_id
            )
        # Left out, the version is $Default, which CloudFormation leaves at 1 for ever.
        # https://github.com/aws/aws-cdk/issues/28137
        resource.add_property_override(
            "ComputeResources.LaunchTemplate.Version",
            worker.launch_template.latest_version_number,
        )
        Tags.of(self).add("Name", worker_name)
