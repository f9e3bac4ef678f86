"""What the library's constructs refuse, in the words of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from nextflow_batch import (
    ArgumentsError,
    Capacity,
    Compute,
    Head,
    HeadJob,
    JobQueue,
    Network,
    NextflowBatch,
    OperationsOptions,
    QueueOrder,
    Scratch,
    Storage,
    Worker,
)
from stacks import paths
from testbed.resources import properties

if TYPE_CHECKING:
    from collections.abc import Callable


SPOT = Capacity(purchase="spot", instance_types=("m6i",))
ARM = Capacity(purchase="spot", instance_types=("m7g",))
BUCKET = (
    "must be a name that S3 accepts: 3 to 63 lower-case letters, digits, dots and hyphens,"
    " beginning and ending with a letter or digit, no dot beside a dot or hyphen, not an IP address,"
    " such as lab-genomes"
)
NAME = (
    "must be up to 24 lower-case letters, digits and hyphens, beginning with a letter, such as lab"
)


#: Any folder: nothing is run here.
BINARIES = {"aws_client": paths.WORKER, "task_s3": paths.WORKER}


def _whole(stack: Stack, name: str = "NextflowBatch", **arguments: Any) -> NextflowBatch:
    return NextflowBatch(
        stack,
        name,
        head_image=paths.HEAD_IMAGE,
        worker_programs=paths.WORKER,
        binaries=BINARIES,
        **({"task_s3_client": "aws-cli"} | arguments),
    )


def _storage(stack: Stack) -> Storage:
    return Storage(stack, "TheStorage")


def _worker(stack: Stack, **arguments: Any) -> Worker:
    defaults: dict[str, Any] = {
        "deployment": "lab",
        "storage": _storage(stack),
        "scratch": Scratch(),
        "binaries": BINARIES,
    }
    return Worker(
        stack,
        "Worker",
        programs=paths.WORKER,
        **(defaults | arguments),
    )


def _compute(stack: Stack, **arguments: Any) -> Compute:
    vpc = ec2.Vpc(stack, "Vpc")
    return Compute(stack, "Compute", worker=_worker(stack), vpc=vpc, subnets=None, **arguments)


def _head(stack: Stack, **arguments: Any) -> HeadJob:
    defaults: dict[str, Any] = {"deployment": "lab", "head": Head(), "storage": _storage(stack)}
    return HeadJob(
        stack,
        "Head",
        image_directory=paths.HEAD_IMAGE,
        queues={},
        **(defaults | arguments),
    )


def _network(stack: Stack, **arguments: Any) -> Network:
    return Network(stack, "Network", **({"availability_zones": ["a", "b"]} | arguments))


def _public_vpc(stack: Stack) -> ec2.Vpc:
    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    return ec2.Vpc(stack, "Vpc", nat_gateways=0, subnet_configuration=[public])


REFUSED: list[tuple[Callable[[Stack], object], str]] = [
    (
        lambda _: Capacity(purchase="ondemand"),  # type: ignore[arg-type]
        "Capacity: purchase: \"ondemand\" is not allowed: must be 'on-demand' or 'spot'",
    ),
    (
        lambda _: Capacity(purchase="spot", bid_percentage=500),
        "Capacity: bid_percentage: 500 is not allowed: must be at most 100",
    ),
    (
        lambda _: Capacity(purchase="spot", max_vcpus="256"),  # type: ignore[arg-type]
        'Capacity: max_vcpus: "256" is not allowed: must be a whole number: write 256, without quotes',
    ),
    (
        lambda _: Capacity(purchase="spot", instance_types="m6i"),  # type: ignore[arg-type]
        'Capacity: instance_types: "m6i" is not allowed: must be a list: write [m6i]',
    ),
    (
        lambda _: Capacity(purchase="spot", instance_types=("m6i", "m7g")),
        "Capacity: instance_types: must be of one architecture, got arm64 (m7g) and x86_64 (m6i)",
    ),
    (
        lambda _: Capacity(purchase="spot", instance_types=("g5",)),
        'Capacity: image_type: "ECS_AL2023" is not allowed: must be ECS_AL2023_NVIDIA for g5',
    ),
    (
        lambda _: Capacity(purchase="spot", types=("g5",)),  # type: ignore[call-arg]
        "Capacity: types: unknown setting: must be one of purchase, instance_types, max_vcpus,"
        " bid_percentage, image_type, image_id",
    ),
    (
        lambda _: Scratch(size_gib=10),
        "Scratch: size_gib: 10 is not allowed: must be at least 20",
    ),
    (
        lambda _: Scratch(throughput_mibs=1_000),
        "Scratch: throughput_mibs: 1000 is not allowed: must be at most 750, a quarter of iops",
    ),
    (
        lambda _: QueueOrder(priority=-1, compute_environments=("spot",)),
        "QueueOrder: priority: -1 is not allowed: must be at least 0",
    ),
    (
        lambda _: QueueOrder(priority=1, compute_environments=()),
        "QueueOrder: compute_environments: [] is not allowed: must have at least 1",
    ),
    (
        lambda stack: Storage(stack, "Storage", bucket_name="my.-bucket"),
        f'Storage: bucket_name: "my.-bucket" is not allowed: {BUCKET}',
    ),
    (
        lambda stack: Storage(stack, "Storage", prefix="../x"),
        'Storage: prefix: "../x" is not allowed: must not have . or .. as a part: tools'
        " resolve them, S3 does not",
    ),
    (
        lambda stack: Storage(stack, "Storage", bucket_name="lab", reference_buckets=["lab"]),
        'Storage: reference_buckets.0: "lab" is not allowed: it is the deployment\'s own bucket,'
        " which can be read anyway",
    ),
    (
        lambda stack: Storage(stack, "Storage", reference_buckets="genomes"),
        'Storage: reference_buckets: "genomes" is not allowed: must be a list: write [genomes]',
    ),
    (
        lambda stack: Storage(stack, "Storage", existing_bucket="genomes"),  # type: ignore[arg-type]
        'Storage: existing_bucket: "genomes" is not allowed: must be a BucketBase',
    ),
    (
        lambda stack: Storage(stack, "Storage", work_expires=9),  # type: ignore[arg-type]
        "Storage: work_expires: 9 is not allowed: must be a Duration",
    ),
    (
        lambda stack: _network(stack, cidr="8.8.0.0/16"),
        'Network: cidr: "8.8.0.0/16" is not allowed: must be a private range such as 10.0.0.0/16, in'
        " one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10",
    ),
    (
        lambda stack: _network(stack, cidr="10.0.0.0/23", egress="isolated"),
        'Network: cidr: "10.0.0.0/23" is not allowed: must be /22 or larger with egress isolated:'
        " its subnets would have 27 addresses each",
    ),
    (
        lambda stack: _network(stack, egress="none"),
        "Network: egress: \"none\" is not allowed: must be 'nat', 'public' or 'isolated'",
    ),
    (
        lambda stack: _network(stack, availability_zones=[]),
        "Network: availability_zones: [] is not allowed: must have at least 1",
    ),
    (
        lambda stack: _network(stack, availability_zones="us-west-2a"),
        'Network: availability_zones: "us-west-2a" is not allowed: must be a list: write [us-west-2a]',
    ),
    (
        lambda stack: _worker(stack, deployment="my env!"),
        f'Worker: deployment: "my env!" is not allowed: {NAME}',
    ),
    (
        lambda stack: _worker(stack, scratch={"size_gib": 100}),
        'Worker: scratch: {"size_gib": 100} is not allowed: must be a Scratch',
    ),
    (
        lambda stack: _worker(stack, tags={"aws:x": "y"}),
        'Worker: tags.aws:x: "aws:x" is not allowed: must not begin with aws:, aws-cdk:,'
        " nextflow-batch: or AWSBatchServiceTag, which are reserved",
    ),
    (
        lambda stack: _worker(stack, binaries={"task_s3": paths.WORKER}),
        "Worker: binaries: does not contain aws_client: must contain aws_client, task_s3",
    ),
    (
        lambda stack: _compute(stack, capacities={"spot": "m6i"}),
        'Compute: capacities.spot: "m6i" is not allowed: must be a Capacity',
    ),
    (
        lambda stack: _compute(stack, capacities=[SPOT]),
        'Compute: capacities: ["<Capacity>"] is not allowed: must be a mapping of keys and values',
    ),
    (
        lambda stack: _compute(
            stack,
            capacities={"spot": SPOT},
            queues={"q": QueueOrder(priority=1, compute_environments=("nope",))},
        ),
        'Compute: queues.q.compute_environments.0: "nope" is not allowed: must be one of spot',
    ),
    (
        lambda stack: _compute(
            stack,
            capacities={"spot": SPOT, "arm": ARM},
            queues={"q": QueueOrder(priority=1, compute_environments=("spot", "arm"))},
        ),
        "Compute: queues.q.compute_environments: must be of one architecture, got arm64 and x86_64",
    ),
    (
        lambda stack: JobQueue(stack, "Queue", name="a b", priority=1, compute_environments=[]),
        'JobQueue: name: "a b" is not allowed: must be up to 128 letters, digits, hyphens and'
        " underscores, beginning with a letter or digit, such as default",
    ),
    (
        lambda _: Head(memory_mib=256),
        "Head: memory_mib: 256 is not allowed: must be at least 512",
    ),
    (
        lambda stack: _head(stack, storage="bucket"),
        'HeadJob: storage: "bucket" is not allowed: must be a Storage',
    ),
    (
        lambda _: OperationsOptions(email="a@b..org"),
        'OperationsOptions: email: "a@b..org" is not allowed: must be an e-mail address, such as'
        " lab@example.org",
    ),
    (
        lambda stack: _whole(stack, deployment="my env!"),
        f'NextflowBatch: deployment: "my env!" is not allowed: {NAME}',
    ),
    (
        lambda stack: _whole(stack, head={"vcpus": 2}),
        'NextflowBatch: head: {"vcpus": 2} is not allowed: must be a Head',
    ),
    (
        lambda stack: _whole(stack, tags={"Name": "lab"}),
        'NextflowBatch: tags.Name: "Name" is not allowed: must be another key: each instance has its'
        " own Name",
    ),
    (
        lambda stack: _whole(stack, head=Head(on_demand_queue="default")),
        'NextflowBatch: head.on_demand_queue: "default" is not allowed: its first compute'
        " environment must be on-demand, but spot is not",
    ),
    (
        lambda stack: _whole(stack, storage=s3.Bucket(stack, "Bucket")),
        "NextflowBatch: storage: <Bucket> is not allowed: must be a Storage",
    ),
    (
        lambda stack: _whole(stack, task_s3_client="s5cmd"),
        "NextflowBatch: task_s3_client: \"s5cmd\" is not allowed: must be 'own' or 'aws-cli'",
    ),
    (
        lambda stack: _whole(stack, vpc=_public_vpc(stack)),
        "NextflowBatch: vpc: is not allowed without subnets: the VPC has no private subnets with"
        " outbound access; for public subnets, pass subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)",
    ),
    (
        lambda stack: _whole(stack, vpc="vpc-12345678"),
        'NextflowBatch: vpc: "vpc-12345678" is not allowed: must be a VPC (ec2.IVpc)',
    ),
    (
        lambda stack: _whole(stack, subnets=ec2.SubnetSelection()),
        "NextflowBatch: subnets: is not allowed without vpc: pass the VPC of the subnets",
    ),
    (
        lambda stack: _whole(stack, head=Head(task_queue="fast")),
        'NextflowBatch: head.task_queue: "fast" is not allowed: must be one of default, highpriority, heads',
    ),
    (
        lambda stack: _whole(
            stack,
            capacities={
                "heads": Capacity(purchase="on-demand", instance_types=("c6i.large",)),
                "ondemand": Capacity(purchase="on-demand", instance_types=("c6i.large",)),
                "spot": Capacity(purchase="spot", instance_types=("c6i.large",)),
            },
        ),
        "NextflowBatch: head.memory_mib: 7168 is not allowed: must be at most 3788, the memory that"
        " jobs can use on c6i.large",
    ),
]


@pytest.mark.parametrize(("call", "line"), REFUSED, ids=[line[:70] for _, line in REFUSED])
def test_refuses_in_one_line(call: Callable[[Stack], object], line: str) -> None:
    stack = Stack(App(), "Stack")

    with pytest.raises(ArgumentsError) as refused:
        call(stack)

    assert str(refused.value) == line


def test_says_each_thing_on_a_line_of_its_own() -> None:
    with pytest.raises(ArgumentsError) as refused:
        Capacity(purchase="spot", max_vcpus=0, bid_percentage=0)

    assert str(refused.value).splitlines() == [
        "Capacity: max_vcpus: 0 is not allowed: must be at least 1",
        "Capacity: bid_percentage: 0 is not allowed: must be at least 1",
    ]


def test_lists_and_tokens_are_as_good_as_tuples_and_names() -> None:
    stack = Stack(App(), "Stack")
    Storage(stack, "Storage", bucket_name=stack.region, reference_buckets=["1000genomes"])

    capacity = Capacity(purchase="spot", instance_types=["m6i"])  # type: ignore[arg-type]
    assert capacity.instance_types == ("m6i",)


def test_public_subnets_are_used_where_they_are_asked_for() -> None:
    stack = Stack(App(), "Stack")
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    _whole(stack, vpc=_public_vpc(stack), subnets=subnets)

    assert properties(Template.from_stack(stack), "AWS::Batch::ComputeEnvironment")


SECOND: dict[str, Any] = {
    "deployment": "second",
    "queues": {
        "second": QueueOrder(priority=1, compute_environments=("spot", "ondemand")),
        "second-now": QueueOrder(priority=2, compute_environments=("ondemand", "spot")),
    },
    "head": Head(job_definition="second", task_queue="second", on_demand_queue="second-now"),
}


def test_two_deployments_of_an_account_differ_by_their_arguments() -> None:
    app = App()
    stack = Stack(app, "Stack")
    _whole(stack, "First")
    _whole(stack, "Second", **SECOND)

    template = Template.from_stack(stack)
    queues = {entry["JobQueueName"] for entry in properties(template, "AWS::Batch::JobQueue")}
    assert queues == {"default", "highpriority", "heads", "second", "second-now"}
    definitions = properties(template, "AWS::Batch::JobDefinition")
    assert {entry["JobDefinitionName"] for entry in definitions} == {"nextflow", "second"}


def test_a_second_deployment_with_the_names_of_the_first_is_refused() -> None:
    app = App()
    _whole(Stack(app, "One"), "First")

    with pytest.raises(ArgumentsError) as refused:
        _whole(Stack(app, "Two"), "Second")

    assert str(refused.value).splitlines() == [
        'NextflowBatch: deployment: "nextflow" is not allowed: One/First already uses that name',
        'NextflowBatch: queues: "default" is not allowed: One/First already uses that name',
        'NextflowBatch: queues: "highpriority" is not allowed: One/First already uses that name',
        'NextflowBatch: queues: "heads" is not allowed: One/First already uses that name',
        'NextflowBatch: head.job_definition: "nextflow" is not allowed: One/First already uses that name',
    ]


def test_the_same_names_may_be_in_another_region() -> None:
    app = App()
    for region in ("us-west-2", "eu-west-1"):
        stack = Stack(app, region, env=Environment(region=region, account="123456789012"))
        _whole(stack, vpc=ec2.Vpc(stack, "Vpc", availability_zones=[f"{region}a"]))
