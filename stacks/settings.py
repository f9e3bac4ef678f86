"""What one environment is made of: the model that every settings file must fit."""

from __future__ import annotations

import re
from difflib import get_close_matches
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from nextflow_batch.instance_types import families, offered, sizes
from nextflow_batch.volume_limits import scratch_volumes

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_BUCKET_AFFIXES = (
    ("xn--", "sthree-", "amzn-s3-demo-"),
    ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"),
)
#: The letters after the generation say the processor: a `g` is Graviton (m7g, c6gn, im4gn);
#: `a1` is the one Graviton family without it.
#: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_ARM = re.compile(r"a1|[a-z]+\d+[a-z]*g[a-z]*|default_arm64")
_INSTANCE_TYPE = re.compile(
    r"(?:[a-z]+-?\d+[a-z0-9-]*(?:\.(?:metal|nano|micro|small|medium|large|\d*xlarge)(?:-\d+xl)?)?"
    r"|optimal|default_x86_64|default_arm64)"
)
#: Secrets Manager adds six characters to each name:
#: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
#: What Batch accepts for queues and job definitions:
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html
BatchName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]
#: A key of `compute_environments`; it becomes part of an instance's Name tag.
ComputeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


def _bucket_name(name: str) -> str:
    if name.startswith("s3://"):
        raise ValueError("must be a bucket's name, without s3:// and without a path")
    starts, ends = _BUCKET_AFFIXES
    if not _BUCKET_NAME.fullmatch(name) or name.startswith(starts) or name.endswith(ends):
        raise ValueError(
            "must be a name that S3 accepts: 3 to 63 lower-case letters, digits, dots and hyphens,"
            " beginning and ending with a letter or digit, not an IP address"
        )
    return name


def _prefix(prefix: str) -> str:
    if prefix.startswith("s3://"):
        raise ValueError("must be a prefix inside the bucket, without s3:// and the bucket's name")
    if not re.fullmatch(r"[A-Za-z0-9!_.'()-]+(?:/[A-Za-z0-9!_.'()-]+)*", prefix):
        raise ValueError(
            "must be one or more names joined by single slashes, without a slash at either end"
        )
    return prefix


def _instance_type(name: str) -> str:
    if not _INSTANCE_TYPE.fullmatch(name):
        raise ValueError("must be an instance family (m6i), a type (m6i.xlarge) or `optimal`")
    family, _, size = name.partition(".")
    known = sizes(family)
    if not offered(name) and not known:
        # Batch would refuse it in the middle of a deployment.
        like = get_close_matches(family, families(), n=1)
        hint = f" (did you mean {like[0]}?)" if like else ""
        raise ValueError(
            f"no such family is known{hint}; one that is newer than the table of instance types"
            " gets into it by `make instance-types`"
        )
    if size and size not in known:
        raise ValueError(f"{family} has no such size: must be one of {', '.join(known)}")
    return name


def _cidr(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"must be an IPv4 range such as 10.0.0.0/16 ({error})") from None
    if str(network) != text:
        raise ValueError("must be written with a prefix length, such as 10.0.0.0/16")
    if network.is_loopback or network.is_link_local or network.is_multicast or network.is_reserved:
        raise ValueError("must not be loopback, link-local, multicast or reserved")
    if network.overlaps(_DOCKER_BRIDGE):
        raise ValueError(f"must not overlap {_DOCKER_BRIDGE}, which Docker uses on each worker")
    if not 16 <= network.prefixlen <= 24:  # noqa: PLR2004
        raise ValueError("must be between /16 (the largest of a VPC) and /24")
    return text


def _tag_key(key: str) -> str:
    if key.lower().startswith("aws:") or not re.fullmatch(r"[\w .:/=+@-]{1,128}", key):
        raise ValueError("must be 1 to 128 letters, digits, spaces or . : / = + @ - _, not aws:...")
    return key


def _tag_value(value: str) -> str:
    if not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
        raise ValueError("must be up to 256 letters, digits, spaces or . : / = + @ - _")
    return value


def _secret_arn(arn: str) -> str:
    if not _SECRET_ARN.fullmatch(arn):
        raise ValueError(
            "must be a secret's whole ARN, with the six characters at its end:"
            " arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-aB3dE5"
        )
    return arn


#: https://docs.docker.com/engine/network/drivers/bridge/
_DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")

BucketName = Annotated[str, AfterValidator(_bucket_name)]
SecretArn = Annotated[str, AfterValidator(_secret_arn)]
TagKey = Annotated[str, AfterValidator(_tag_key)]
TagValue = Annotated[str, AfterValidator(_tag_value)]
Prefix = Annotated[str, AfterValidator(_prefix)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Subnet(_Model):
    """A subnet of an existing VPC."""

    id: Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]
    zone: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$"),
        Field(description="Availability zone, for example us-west-2a"),
    ]


class ExistingVpc(_Model):
    """A VPC that is there already; workers run in the subnets named here."""

    vpc_id: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")]
    subnets: tuple[Subnet, ...] = Field(description="Subnets with a way out, in two zones or more")

    @model_validator(mode="after")
    def _two_zones(self) -> Self:
        ids = [subnet.id for subnet in self.subnets]
        if len(set(ids)) < len(ids):
            raise ValueError("must name each subnet once")
        zones = sorted({subnet.zone for subnet in self.subnets})
        if len(zones) < 2:  # noqa: PLR2004
            named = ", ".join(zones) or "none"
            raise ValueError(f"must name subnets in at least two zones, got {named}")
        return self


class Network(_Model):
    """Where workers run: a VPC of our own, or an existing one."""

    existing: ExistingVpc | None = Field(None, description="Use this VPC instead of making one")
    cidr: Annotated[str, AfterValidator(_cidr)] = "10.0.0.0/16"
    zones: int = Field(3, ge=2, le=6, description="Availability zones of our own VPC")
    egress: Literal["nat", "public"] = Field(
        "nat",
        description="How workers reach registries: private subnets behind one NAT gateway,"
        " or public subnets (cheaper; still nothing may connect to them)",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        unused = sorted(self.model_fields_set & {"cidr", "zones", "egress"})
        if self.existing and unused:
            raise ValueError(
                f"{', '.join(unused)} is for a VPC of our own, not for an existing one"
            )
        return self


class Storage(_Model):
    """The bucket of work, logs and results, and what else may be read."""

    bucket: BucketName | None = Field(None, description="Name of the new bucket; unset: generated")
    existing_bucket: BucketName | None = Field(None, description="Use this bucket; make none")
    prefix: Prefix = Field("_nextflow", description="Logs and runs lie below this prefix")
    reference_buckets: tuple[BucketName, ...] = Field(
        (),
        max_length=20,  # an IAM policy holds 6,144 characters
        description="Public or shared buckets that head and tasks may read",
    )
    work_expires_days: int | None = Field(
        None, ge=1, le=3650, description="Days after which files below PREFIX/runs are deleted"
    )
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] = 90
    customer_key: bool = Field(False, description="Encrypt with a KMS key of our own")
    delete_with_stack: bool = Field(
        False, description="First of two keys that let `cdk destroy` delete the data"
    )
    delete_data_for_good: bool = Field(False, description="Second of the two keys")

    @model_validator(mode="after")
    def _one_bucket(self) -> Self:
        if self.bucket and self.existing_bucket:
            raise ValueError("bucket and existing_bucket exclude each other: give one of them")
        if self.existing_bucket and self.work_expires_days:
            raise ValueError(
                "work_expires_days is for a bucket of our own: set the lifecycle of"
                " existing_bucket where that bucket is made"
            )
        if self.delete_with_stack != self.delete_data_for_good:
            raise ValueError(
                "delete_with_stack and delete_data_for_good must both be true to let a destroy"
                " delete data, or both be false"
            )
        return self


class Scratch(_Model):
    """The disk on which a worker's containers and tasks write."""

    size_gib: int = Field(100, ge=20, le=65_536, description="Size of the first gp3 volume in GiB")
    iops: int = Field(3_000, ge=3_000, le=80_000)
    throughput_mibs: int = Field(250, ge=125, le=2_000, description="MiB/s of each volume")
    max_size_gib: int = Field(4_000, ge=20, le=1_000_000, description="Ceiling of growth in GiB")
    max_volumes: int = Field(
        24, ge=1, le=127, description="Ceiling of growth in volumes; then they are enlarged"
    )
    max_usd_per_month: float = Field(
        500.0, gt=0, le=1_000_000, description="Ceiling of growth in what its volumes cost a month"
    )
    # https://aws.amazon.com/ebs/pricing/
    gp3_usd_per_gib: float = Field(0.08, ge=0, le=100, description="A month's price in us-west-2")
    gp3_usd_per_iops: float = Field(0.005, ge=0, le=100, description="Of those beyond 3,000")
    gp3_usd_per_mibs: float = Field(0.04, ge=0, le=100, description="Of those beyond 125")
    freeze_seconds: int = Field(
        300,
        ge=0,
        le=3_600,
        description="How long tasks may be stopped while space is on its way; 0: never",
    )

    @model_validator(mode="after")
    def _within_gp3(self) -> Self:
        if self.max_size_gib < self.size_gib:
            raise ValueError(
                f"max_size_gib {self.max_size_gib} is below size_gib {self.size_gib}:"
                " must be at least as large"
            )
        # https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
        if self.iops > max(3_000, 500 * self.size_gib):
            raise ValueError(f"iops {self.iops} must be at most 500 for each GiB of size_gib")
        if self.throughput_mibs * 4 > self.iops:
            raise ValueError(
                f"throughput_mibs {self.throughput_mibs} must be at most a quarter of iops"
            )
        if self.max_usd_per_month < self.first_usd_per_month:
            raise ValueError(
                f"max_usd_per_month {self.max_usd_per_month:g} is below what the first volume"
                f" costs: must be at least {self.first_usd_per_month:.2f}"
            )
        return self

    @property
    def first_usd_per_month(self) -> float:
        """What the first volume costs if it is kept for a month."""
        return (
            self.size_gib * self.gp3_usd_per_gib
            + (self.iops - 3_000) * self.gp3_usd_per_iops
            + (self.throughput_mibs - 125) * self.gp3_usd_per_mibs
        )


class ComputeEnvironment(_Model):
    """One managed compute environment on EC2."""

    purchase: Literal["on-demand", "spot"]
    instance_types: tuple[InstanceType, ...] = Field(
        ("optimal",), min_length=1, description="Families, types or `optimal`, of one architecture"
    )
    max_vcpus: int = Field(256, ge=1, le=1_000_000)
    bid_percentage: int | None = Field(
        None, ge=1, le=100, description="Highest Spot price in percent of On-Demand; unset: 100"
    )
    image_type: Literal["ECS_AL2023", "ECS_AL2023_NVIDIA"] = "ECS_AL2023"

    @property
    def architecture(self) -> Literal["arm64", "x86_64"]:
        """The processor of all its instance types."""
        return _architecture(self.instance_types[0])

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        arm = [name for name in self.instance_types if _architecture(name) == "arm64"]
        if arm and len(arm) < len(self.instance_types):
            x86 = [name for name in self.instance_types if name not in arm]
            raise ValueError(
                f"instance_types must be of one architecture, got arm64 ({', '.join(arm)})"
                f" and x86_64 ({', '.join(x86)})"
            )
        if self.bid_percentage is not None and self.purchase != "spot":
            raise ValueError("bid_percentage is for purchase: spot only")
        return self


def _architecture(instance_type: str) -> Literal["arm64", "x86_64"]:
    return "arm64" if _ARM.fullmatch(instance_type.split(".", maxsplit=1)[0]) else "x86_64"


class Queue(_Model):
    """A job queue and the compute environments that serve it, the preferred one first."""

    priority: int = Field(ge=0, le=1_000)
    compute_environments: tuple[ComputeName, ...] = Field(
        min_length=1,
        max_length=3,  # https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
        description="One to three keys of compute_environments",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = self.compute_environments
        if len(set(names)) < len(names):
            raise ValueError("compute_environments must name each environment once")
        return self


class Head(_Model):
    """The job that runs `nextflow`."""

    job_definition: BatchName = "nextflow"
    vcpus: int = Field(2, ge=1, le=192)
    memory_mib: int = Field(8_192, ge=512, le=1_500_000)
    attempts: int = Field(3, ge=1, le=10)
    task_queue: BatchName = Field("default", description="Queue of the tasks (NF_JOB_QUEUE)")
    on_demand_queue: BatchName | None = Field(
        None,
        description="Queue of a task's attempts after its first spot_attempts; unset: task_queue",
    )
    spot_attempts: int | None = Field(
        None, ge=1, le=10, description="Attempts of a task that stay in task_queue; unset: 1"
    )
    git_secret: SecretArn | None = Field(
        None, description="ARN of the secret with Nextflow's scm file, for private repositories"
    )
    seqera_secret: SecretArn | None = Field(
        None, description="ARN of the secret with an access token of Seqera Platform"
    )
    architecture: Literal["arm64", "x86_64"] = "x86_64"

    @model_validator(mode="after")
    def _attempts_go_somewhere(self) -> Self:
        if self.spot_attempts is not None and not self.on_demand_queue:
            raise ValueError("spot_attempts is for an on_demand_queue, and there is none")
        return self


class Operations(_Model):
    """Who is told when a queue is blocked or a head job fails."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None


class Settings(_Model):
    """One environment. The file's name is what `-c settings=NAME` chooses."""

    environment: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,23}$"),
        Field(description="Begins the stacks' names and tags everything"),
    ]
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-west-2"
    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] | None = Field(
        None, description="Twelve digits in quotes; unset: the account of who deploys"
    )
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    network: Network = Network()
    storage: Storage = Storage()
    scratch: Scratch = Scratch()
    batch_service_role: Literal["service-linked", "own"] = Field(
        "service-linked",
        description="Only the service-linked role lets Batch update workers in place",
    )
    task_s3_client: Literal["own", "aws-cli"] = Field(
        "own", description="What tasks move files with: our own client, or AWS's, from AWS's site"
    )
    compute_environments: dict[ComputeName, ComputeEnvironment] = Field(min_length=1, max_length=50)
    queues: dict[BatchName, Queue] = Field(
        min_length=1,
        max_length=20,  # an IAM policy holds 6,144 characters
    )
    head: Head = Head()
    operations: Operations | None = None

    @model_validator(mode="after")
    def _queues_fit(self) -> Self:
        for name, queue in self.queues.items():
            unknown = [
                key for key in queue.compute_environments if key not in self.compute_environments
            ]
            if unknown:
                known = ", ".join(self.compute_environments)
                raise ValueError(
                    f"queues.{name}.compute_environments: '{unknown[0]}' is not allowed:"
                    f" must be one of {known}"
                )
            found = {
                self.compute_environments[key].architecture for key in queue.compute_environments
            }
            if len(found) > 1:
                raise ValueError(
                    f"queues.{name}.compute_environments: must be of one architecture,"
                    f" got {' and '.join(sorted(found))}"
                )
        return self

    @model_validator(mode="after")
    def _volumes_fit(self) -> Self:
        # The default is no demand: a worker that takes fewer enlarges them sooner.
        if "max_volumes" not in self.scratch.model_fields_set:
            return self
        for key, environment in self.compute_environments.items():
            for name in environment.instance_types:
                most = scratch_volumes(name)
                if most is not None and self.scratch.max_volumes > most:
                    raise ValueError(
                        f"scratch.max_volumes: {self.scratch.max_volumes} is not allowed:"
                        f" must be at most {most}, which is what {name} of"
                        f" compute_environments.{key} takes"
                    )
        return self

    @model_validator(mode="after")
    def _head_fits(self) -> Self:
        for key in ("task_queue", "on_demand_queue"):
            name = getattr(self.head, key)
            if name is not None and name not in self.queues:
                raise ValueError(
                    f"head.{key}: '{name}' is not allowed: must be one of {', '.join(self.queues)}"
                )
        if not self.head_queue:
            raise ValueError(
                f"head.architecture: no queue can run an {self.head.architecture} head of"
                f" {self.head.vcpus} vCPUs"
            )
        return self

    @model_validator(mode="after")
    def _on_demand_fits(self) -> Self:
        name = self.head.on_demand_queue
        if name is None:
            return self
        first = self.queues[name].compute_environments[0]
        if self.compute_environments[first].purchase != "on-demand":
            raise ValueError(
                f"head.on_demand_queue: '{name}' is not allowed: its first compute environment"
                f" must be on-demand, {first} is not"
            )
        first_of_tasks = self.queues[self.head.task_queue].compute_environments[0]
        wanted = self.compute_environments[first_of_tasks].architecture
        found = self.compute_environments[first].architecture
        if found != wanted:
            raise ValueError(
                f"head.on_demand_queue: '{name}' is not allowed: must be of {wanted}, as task_queue"
                f" '{self.head.task_queue}' is, and is of {found}"
            )
        return self

    @property
    def head_queue(self) -> str:
        """A queue that can run the head, best On-Demand, as a reclaimed head delays all its tasks.

        The tasks' own queue comes next; empty where no queue can run it.
        """
        preferred = (self.head.on_demand_queue, self.head.task_queue)
        names = sorted(self.queues, key=lambda name: (*(name != best for best in preferred),))
        return next((name for name in names if self._runs_head(self.queues[name])), "")

    def _runs_head(self, queue: Queue) -> bool:
        served = [self.compute_environments[name] for name in queue.compute_environments]
        return any(
            environment.architecture == self.head.architecture
            and environment.max_vcpus >= self.head.vcpus
            for environment in served
        )

    @model_validator(mode="after")
    def _tags_fit(self) -> Self:
        keys = [key.lower() for key in self.tags]
        if "nextflow-batch:environment" in keys:
            raise ValueError("tags: nextflow-batch:environment is set by `environment`")
        if len(set(keys)) < len(keys):
            raise ValueError("tags: keys must differ by more than their case, as IAM's do")
        return self

    @model_validator(mode="after")
    def _zones_of_region(self) -> Self:
        existing = self.network.existing
        for subnet in existing.subnets if existing else ():
            if subnet.zone[:-1] != self.region:
                raise ValueError(
                    f"network.existing.subnets: zone '{subnet.zone}' is not in region {self.region}"
                )
        return self
