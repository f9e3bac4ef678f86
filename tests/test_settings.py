"""What the settings accept, and the one line with which they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from stacks import paths, settings_file
from stacks.settings import Settings
from stacks.settings_file import SettingsError, parse

GOOD: dict[str, Any] = {
    "environment": "lab",
    "compute_environments": {
        "ondemand": {"purchase": "on-demand", "instance_types": ["m6i"]},
        "spot": {"purchase": "spot", "instance_types": ["m6i", "c6i.2xlarge"]},
        "arm": {
            "purchase": "on-demand",
            "instance_types": ["m7g", "c6gn", "im4gn.large"],
            "max_vcpus": 32,
        },
    },
    "queues": {
        "default": {"priority": 1, "compute_environments": ["spot", "ondemand"]},
        "arm": {"priority": 1, "compute_environments": ["arm"]},
    },
}
BUCKET_RULE = (
    "must be a name that S3 accepts: 3 to 63 lower-case letters, digits, dots and hyphens,"
    " beginning and ending with a letter or digit, not an IP address"
)
PREFIX_RULE = "must be one or more names joined by single slashes, without a slash at either end"
TYPE_RULE = "must be an instance family (m6i), a type (m6i.xlarge) or `optimal`"
SECRET_RULE = (
    "must be a secret's whole ARN, with the six characters at its end:"
    " arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-aB3dE5"
)
SUBNET = {"id": "subnet-0123456789abcdef0", "zone": "us-west-2a"}
TWO_SUBNETS = [SUBNET, {"id": "subnet-11111111", "zone": "us-west-2b"}]


def _changed(key: str, value: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    *parents, last = key.split(".")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return document


# Setting, its bad value, and the message after "lab.yaml: ".
BAD: list[tuple[str, object, str]] = [
    ("enviroment", "x", "enviroment: is no setting: did you mean environment?"),
    (
        "network",
        {"a\nb": 1},
        "network.a\\nb: is no setting: must be one of existing, cidr, zones, egress",
    ),
    ("head.memory", 1, "head.memory: is no setting: did you mean memory_mib?"),
    ("queues.default.prio", 1, "queues.default.prio: is no setting: did you mean priority?"),
    (
        "storage.zzz",
        1,
        "storage.zzz: is no setting: must be one of bucket, existing_bucket, prefix,"
        " reference_buckets, work_expires_days, log_retention_days, customer_key,"
        " delete_with_stack, delete_data_for_good",
    ),
    ("environment", None, "environment: null is not allowed: must be text; put it in quotes"),
    ("environment", "Lab", 'environment: "Lab" is not allowed: must match ^[a-z][a-z0-9-]{0,23}$'),
    ("region", "oregon", 'region: "oregon" is not allowed: must match ^[a-z]{2}(-[a-z]+)+-\\d$'),
    (
        "account",
        123456789012,
        "account: 123456789012 is not allowed: must be text; put it in quotes",
    ),
    ("account", "123", 'account: "123" is not allowed: must match ^\\d{12}$'),
    ("tags.cost", 7, "tags.cost: 7 is not allowed: must be text; put it in quotes"),
    (
        "tags",
        {"aws:x": "y"},
        'tags.aws:x: "aws:x" is not allowed: must be 1 to 128 letters, digits, spaces'
        " or . : / = + @ - _, not aws:...",
    ),
    ("network.zones", 1, "network.zones: 1 is not allowed: must be at least 2"),
    ("network.zones", "2", 'network.zones: "2" is not allowed: must be a whole number'),
    ("network.egress", "vpn", "network.egress: \"vpn\" is not allowed: must be 'nat' or 'public'"),
    (
        "network.cidr",
        "10.0.0.0/8",
        'network.cidr: "10.0.0.0/8" is not allowed: must be between /16 (the largest of a VPC) and /24',
    ),
    (
        "network.cidr",
        "10.0.0.1/16",
        'network.cidr: "10.0.0.1/16" is not allowed: must be an IPv4 range such as 10.0.0.0/16'
        " (10.0.0.1/16 has host bits set)",
    ),
    ("network", [], "network: [] is not allowed: must be a mapping of keys and values"),
    (
        "network.existing",
        {"vpc_id": "vpc-12345678", "subnets": [SUBNET]},
        "network.existing: must name subnets in at least two zones, got us-west-2a",
    ),
    (
        "network.existing",
        {"vpc_id": "vpc-12345678", "subnets": []},
        "network.existing: must name subnets in at least two zones, got none",
    ),
    (
        "network.existing",
        {"vpc_id": "main", "subnets": [SUBNET, {"id": "subnet-11111111", "zone": "us-west-2b"}]},
        'network.existing.vpc_id: "main" is not allowed: must match ^vpc-[0-9a-f]{8,17}$',
    ),
    (
        "network.existing",
        {
            "vpc_id": "vpc-12345678",
            "subnets": [SUBNET, {"id": "subnet-11111111", "zone": "eu-west-1a"}],
        },
        "network.existing.subnets: zone 'eu-west-1a' is not in region us-west-2",
    ),
    (
        "network.existing",
        {"vpc_id": "vpc-12345678", "subnets": [SUBNET, SUBNET]},
        "network.existing: must name each subnet once",
    ),
    (
        "network",
        {"zones": 3, "existing": {"vpc_id": "vpc-12345678", "subnets": TWO_SUBNETS}},
        "network: zones is for a VPC of our own, not for an existing one",
    ),
    (
        "network.cidr",
        "10.0.0.0/255.255.0.0",
        'network.cidr: "10.0.0.0/255.255.0.0" is not allowed: must be written with a prefix length, such as 10.0.0.0/16',
    ),
    (
        "network.cidr",
        "127.0.0.0/16",
        'network.cidr: "127.0.0.0/16" is not allowed: must not be loopback, link-local, multicast or reserved',
    ),
    (
        "network.cidr",
        "172.17.0.0/16",
        'network.cidr: "172.17.0.0/16" is not allowed: must not overlap 172.17.0.0/16, which Docker uses on each worker',
    ),
    (
        "storage",
        {"existing_bucket": "genomes", "work_expires_days": 9},
        "storage: work_expires_days is for a bucket of our own: set the lifecycle of existing_bucket where that bucket is made",
    ),
    (
        "tags",
        {"nextflow-batch:environment": "x"},
        "tags: nextflow-batch:environment is set by `environment`",
    ),
    (
        "tags",
        {"Owner": "a", "owner": "b"},
        "tags: keys must differ by more than their case, as IAM's do",
    ),
    ("storage.bucket", "My_Bucket", f'storage.bucket: "My_Bucket" is not allowed: {BUCKET_RULE}'),
    (
        "storage.bucket",
        "192.168.0.1",
        f'storage.bucket: "192.168.0.1" is not allowed: {BUCKET_RULE}',
    ),
    ("storage.bucket", "ab", f'storage.bucket: "ab" is not allowed: {BUCKET_RULE}'),
    ("storage.bucket", "a..b", f'storage.bucket: "a..b" is not allowed: {BUCKET_RULE}'),
    ("storage.bucket", "x-s3alias", f'storage.bucket: "x-s3alias" is not allowed: {BUCKET_RULE}'),
    (
        "storage.bucket",
        "s3://genomes",
        'storage.bucket: "s3://genomes" is not allowed: must be a bucket\'s name, without s3://'
        " and without a path",
    ),
    (
        "storage.reference_buckets",
        ["s3://1000genomes/phase3"],
        'storage.reference_buckets.0: "s3://1000genomes/phase3" is not allowed: must be a'
        " bucket's name, without s3:// and without a path",
    ),
    ("storage.prefix", "/nextflow", f'storage.prefix: "/nextflow" is not allowed: {PREFIX_RULE}'),
    ("storage.prefix", "nextflow/", f'storage.prefix: "nextflow/" is not allowed: {PREFIX_RULE}'),
    ("storage.prefix", "", f'storage.prefix: "" is not allowed: {PREFIX_RULE}'),
    (
        "storage.prefix",
        "s3://b/p",
        'storage.prefix: "s3://b/p" is not allowed: must be a prefix inside the bucket, without'
        " s3:// and the bucket's name",
    ),
    (
        "storage",
        {"bucket": "genomes", "existing_bucket": "genomes"},
        "storage: bucket and existing_bucket exclude each other: give one of them",
    ),
    (
        "storage.delete_with_stack",
        True,
        "storage: delete_with_stack and delete_data_for_good must both be true to let a destroy"
        " delete data, or both be false",
    ),
    (
        "storage.customer_key",
        "yes",
        'storage.customer_key: "yes" is not allowed: must be true or false',
    ),
    ("scratch.size_gib", 10, "scratch.size_gib: 10 is not allowed: must be at least 20"),
    ("scratch.size_gib", 100.5, "scratch.size_gib: 100.5 is not allowed: must be a whole number"),
    (
        "scratch.max_size_gib",
        50,
        "scratch: max_size_gib 50 is below size_gib 100: must be at least as large",
    ),
    ("scratch.iops", 80000, "scratch: iops 80000 must be at most 500 for each GiB of size_gib"),
    (
        "scratch.throughput_mibs",
        1000,
        "scratch: throughput_mibs 1000 must be at most a quarter of iops",
    ),
    (
        "scratch.max_usd_per_month",
        12.5,
        "scratch: max_usd_per_month 12.5 is below what the first volume costs: must be at least 13.00",
    ),
    (
        "scratch.gp3_usd_per_gib",
        "cheap",
        'scratch.gp3_usd_per_gib: "cheap" is not allowed: must be a number',
    ),
    (
        "scratch.gp3_usd_per_iops",
        -1,
        "scratch.gp3_usd_per_iops: -1 is not allowed: must be at least 0",
    ),
    (
        "scratch.gp3_usd_per_mibs",
        float("inf"),
        "scratch.gp3_usd_per_mibs: Infinity is not allowed: must be at most 100",
    ),
    (
        "scratch.freeze_seconds",
        3601,
        "scratch.freeze_seconds: 3601 is not allowed: must be at most 3600",
    ),
    (
        "scratch.max_volumes",
        27,
        "scratch.max_volumes: 27 is not allowed: must be at most 26, which is what c6gn of"
        " compute_environments.arm takes",
    ),
    (
        "scratch.max_volumes",
        128,
        "scratch.max_volumes: 128 is not allowed: must be at most 127",
    ),
    (
        "task_s3_client",
        "s5cmd",
        "task_s3_client: \"s5cmd\" is not allowed: must be 'own' or 'aws-cli'",
    ),
    (
        "batch_service_role",
        "none",
        "batch_service_role: \"none\" is not allowed: must be 'service-linked' or 'own'",
    ),
    ("compute_environments", {}, "compute_environments: {} is not allowed: must have at least 1"),
    (
        "compute_environments.Spot",
        {"purchase": "spot"},
        'compute_environments.Spot: "Spot" is not allowed: must match ^[a-z][a-z0-9-]{0,31}$',
    ),
    (
        "compute_environments.spot.max_vcpus",
        0,
        "compute_environments.spot.max_vcpus: 0 is not allowed: must be at least 1",
    ),
    (
        "compute_environments.spot.bid_percentage",
        0,
        "compute_environments.spot.bid_percentage: 0 is not allowed: must be at least 1",
    ),
    (
        "compute_environments.spot.bid_percentage",
        101,
        "compute_environments.spot.bid_percentage: 101 is not allowed: must be at most 100",
    ),
    (
        "compute_environments.ondemand.bid_percentage",
        50,
        "compute_environments.ondemand: bid_percentage is for purchase: spot only",
    ),
    (
        "compute_environments.spot.purchase",
        "cheap",
        "compute_environments.spot.purchase: \"cheap\" is not allowed: must be 'on-demand' or 'spot'",
    ),
    (
        "compute_environments.spot.image_type",
        "ECS_AL2",
        'compute_environments.spot.image_type: "ECS_AL2" is not allowed: must be'
        " 'ECS_AL2023' or 'ECS_AL2023_NVIDIA'",
    ),
    (
        "compute_environments.spot.instance_types",
        ["m6i", "m7g"],
        "compute_environments.spot: instance_types must be of one architecture, got arm64 (m7g)"
        " and x86_64 (m6i)",
    ),
    (
        "compute_environments.spot.instance_types",
        ["optimal", "c7gd.large"],
        "compute_environments.spot: instance_types must be of one architecture, got arm64"
        " (c7gd.large) and x86_64 (optimal)",
    ),
    (
        "compute_environments.spot.instance_types",
        ["huge"],
        f'compute_environments.spot.instance_types.0: "huge" is not allowed: {TYPE_RULE}',
    ),
    (
        "compute_environments.spot.instance_types",
        ["m6ii.large"],
        'compute_environments.spot.instance_types.0: "m6ii.large" is not allowed: no such family is'
        " known (did you mean m6i?); one that is newer than the table of instance types gets into it"
        " by `make instance-types`",
    ),
    (
        "compute_environments.spot.instance_types",
        ["zz99"],
        'compute_environments.spot.instance_types.0: "zz99" is not allowed: no such family is'
        " known; one that is newer than the table of instance types gets into it by"
        " `make instance-types`",
    ),
    (
        "compute_environments.arm.instance_types",
        ["c7g.3xlarge"],
        'compute_environments.arm.instance_types.0: "c7g.3xlarge" is not allowed: c7g has no such'
        " size: must be one of medium, large, xlarge, 2xlarge, 4xlarge, 8xlarge, 12xlarge,"
        " 16xlarge, metal",
    ),
    (
        "compute_environments.spot.instance_types",
        "m6i",
        'compute_environments.spot.instance_types: "m6i" is not allowed: must be a list',
    ),
    (
        "queues.default.compute_environments",
        [],
        "queues.default.compute_environments: [] is not allowed: must have at least 1",
    ),
    (
        "queues.default.compute_environments",
        ["a", "b", "c", "d"],
        'queues.default.compute_environments: ["a", "b", "c", "d"] is not allowed: must have at most 3',
    ),
    (
        "queues.default.compute_environments",
        ["spot", "spot"],
        "queues.default: compute_environments must name each environment once",
    ),
    (
        "queues.default.compute_environments",
        ["sport"],
        "queues.default.compute_environments: 'sport' is not allowed: must be one of arm, ondemand, spot",
    ),
    (
        "queues.default.compute_environments",
        ["spot", "arm"],
        "queues.default.compute_environments: must be of one architecture, got arm64 and x86_64",
    ),
    (
        "queues.default.priority",
        -1,
        "queues.default.priority: -1 is not allowed: must be at least 0",
    ),
    (
        "queues.default.priority",
        True,
        "queues.default.priority: true is not allowed: must be a whole number",
    ),
    ("head.attempts", 11, "head.attempts: 11 is not allowed: must be at most 10"),
    ("head.memory_mib", 256, "head.memory_mib: 256 is not allowed: must be at least 512"),
    (
        "head",
        {"vcpus": 64, "architecture": "arm64"},
        "head.architecture: no queue can run an arm64 head of 64 vCPUs",
    ),
    (
        "head.task_queue",
        "fast",
        "head.task_queue: 'fast' is not allowed: must be one of arm, default",
    ),
    (
        "head.on_demand_queue",
        "fast",
        "head.on_demand_queue: 'fast' is not allowed: must be one of arm, default",
    ),
    (
        "head.on_demand_queue",
        "default",
        "head.on_demand_queue: 'default' is not allowed: its first compute environment must be"
        " on-demand, spot is not",
    ),
    (
        "head.on_demand_queue",
        "arm",
        "head.on_demand_queue: 'arm' is not allowed: must be of x86_64, as task_queue 'default'"
        " is, and is of arm64",
    ),
    (
        "head",
        {"spot_attempts": 2},
        "head: spot_attempts is for an on_demand_queue, and there is none",
    ),
    ("head.spot_attempts", 0, "head.spot_attempts: 0 is not allowed: must be at least 1"),
    ("head.spot_attempts", 11, "head.spot_attempts: 11 is not allowed: must be at most 10"),
    (
        "head.git_secret",
        "lab/git",
        f'head.git_secret: "lab/git" is not allowed: {SECRET_RULE}',
    ),
    (
        "head.seqera_secret",
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:seqera",
        'head.seqera_secret: "arn:aws:secretsmanager:us-west-2:123456789012:secret:seqera…'
        f" is not allowed: {SECRET_RULE}",
    ),
    (
        "head.job_definition",
        "next flow",
        'head.job_definition: "next flow" is not allowed: must match ^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$',
    ),
    (
        "operations.email",
        "nobody",
        'operations.email: "nobody" is not allowed: must match ^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$',
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD, ids=[f"{k}={v}" for k, v, _ in BAD])
def test_refuses_in_one_line(key: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(yaml.safe_dump(_changed(key, value)), "lab.yaml")

    assert str(refused.value) == f"lab.yaml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "environment: [",
            "line 1: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "environment: a\nenvironment: b",
            "line 2: not valid YAML: the key 'environment' stands twice",
        ),
        ("just words", "must be a mapping of settings, like default.yaml"),
        ("", "must be a mapping of settings, like default.yaml"),
        ("[a]: b", "line 1: not valid YAML: a key must be a plain word"),
        ("&a [*a]", "must be a mapping of settings, like default.yaml"),
        ("a: &a [*a]", "cannot be understood: Circular reference detected"),
    ],
)
def test_refuses_what_is_no_settings_file(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(text, "lab.yaml")

    assert str(refused.value) == f"lab.yaml: {message}"


def test_says_each_thing_that_is_wrong_on_a_line_of_its_own() -> None:
    document = _changed("head.attempts", 0) | {"region": "mars", "nonsense": 1}

    with pytest.raises(SettingsError) as refused:
        parse(yaml.safe_dump(document), "lab.yaml")

    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "region",
        "head.attempts",
        "nonsense",
    ]


def test_names_the_settings_files_there_are(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").touch()

    with pytest.raises(SettingsError) as refused:
        settings_file.read(tmp_path, "../lab")

    assert str(refused.value) == "settings: '../lab' is not allowed: must be one of lab"


def test_accepts_what_is_good() -> None:
    settings = parse(yaml.safe_dump(GOOD), "lab.yaml")

    assert settings.compute_environments["arm"].architecture == "arm64"
    assert settings.region == "us-west-2"


def test_accepts_the_secrets_of_other_regions_and_partitions() -> None:
    head = {
        "git_secret": "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b-aB3dE5",
        "seqera_secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-e@q_era-Zz9Yy8",
    }

    parse(yaml.safe_dump(_changed("head", head)), "lab.yaml")


_WORDS = st.sampled_from(["environment", "queues", "head", "spot", "storage", "default", "x"])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.sampled_from([key for key, _, _ in BAD]), _VALUES)
def test_no_value_ends_in_a_traceback(key: str, value: object) -> None:
    try:
        parse(yaml.safe_dump(_changed(key, value)), "lab.yaml")
    except SettingsError as refused:
        assert all(line.startswith("lab.yaml: ") for line in str(refused).splitlines())


@given(st.text())
@example("? {a: b}\n: c")
@example("!!python/object:os.system {}")
@example("a: 2026-11-23\n1: 2")
@example("\x00")
@example("{" * 3000)
def test_no_text_ends_in_a_traceback(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(text, "lab.yaml")

    assert all(line.startswith("lab.yaml: ") for line in str(refused.value).splitlines())


@pytest.mark.parametrize("file", sorted(paths.SETTINGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_settings_file_is_good(file: Path) -> None:
    settings_file.read(paths.SETTINGS, file.stem)


def test_the_editors_schema_is_the_models() -> None:
    shipped = json.loads((paths.SETTINGS / "schema.json").read_text())

    assert shipped == Settings.model_json_schema(), "run `make schema`"


def test_the_readme_names_every_setting() -> None:
    readme = (paths.ROOT / "README.md").read_text()
    schema = Settings.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    names = {name for model in models for name in model.get("properties", {})}

    assert {name for name in names if f"`{name}" not in readme} <= {
        "id",
        "zone",
        "vpc_id",
        "subnets",
    }


@pytest.mark.parametrize(("name", "queue"), [("workshop", "default"), ("default", "highpriority")])
def test_the_head_goes_to_the_on_demand_queue_where_one_is_set(name: str, queue: str) -> None:
    assert settings_file.read(paths.SETTINGS, name).head_queue == queue
