"""What the head accepts of its container's environment, and what it says to the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextflow_head.environment import Environment, printable
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri
from tests.support import variables_table

GOOD = {
    "AWS_BATCH_JOB_ID": "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
    "AWS_BATCH_JOB_ATTEMPT": "2",
    "AWS_REGION": "us-west-2",
    "NF_JOB_QUEUE": "arn:aws:batch:us-west-2:123456789012:job-queue/default",
    "NF_WORKDIR": "s3://bucket/_nextflow/runs",
    "NF_LOGSDIR": "s3://bucket/_nextflow/logs/",
}

RESUMED = "5b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
_FOLDER = "an S3 location such as s3://my-bucket/_nextflow/runs, without . or .. as a part"
_RESUMED = (
    "the id of the Batch job to resume, not its name, such as 0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"
)
_JOB_ID = "the id of a Batch job: letters and digits with single '-' between"


def refused(**changes: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        Environment.read(GOOD | changes)
    return caught.value.lines


def test_reads_what_the_job_definition_and_batch_set() -> None:
    environment = Environment.read(
        GOOD
        | {
            "NF_JOB_ROLE": "arn:aws:iam::123456789012:role/batch/task",
            "NF_LOG_GROUP": "/nextflow/tasks",
            "NF_AWS_CLI": "/opt/other/bin/aws",
            "NF_DEPLOYMENT": "default",
            "AWS_BATCH_JQ_NAME": "highpriority",
            "NF_ON_DEMAND_QUEUE": "highpriority",
            "NF_SPOT_ATTEMPTS": "2",
            "NF_MAX_CPUS": "128",
            "NF_MAX_MEMORY": "943718",
            "NF_OWNER": "ada@example.org",
            "NF_RESUME": RESUMED,
            "NF_ARGUMENTS": "s3://bucket/arguments.json",
            "AWS_ENDPOINT_URL": "http://localhost:5000",
            "AWS_MAX_ATTEMPTS": "7",
        }
    )

    assert environment == Environment(
        job_id=GOOD["AWS_BATCH_JOB_ID"],
        attempt=2,
        own_queue="highpriority",
        region="us-west-2",
        max_attempts=7,
        endpoint="http://localhost:5000",
        job_queue=GOOD["NF_JOB_QUEUE"],
        on_demand_queue="highpriority",
        spot_attempts=2,
        max_cpus=128,
        max_memory=943718,
        job_role="arn:aws:iam::123456789012:role/batch/task",
        log_group="/nextflow/tasks",
        aws_cli="/opt/other/bin/aws",
        deployment="default",
        owner="ada@example.org",
        resume=RESUMED,
        arguments=S3Uri("bucket", "arguments.json"),
        work=S3Uri("bucket", "_nextflow/runs"),
        logs=S3Uri("bucket", "_nextflow/logs"),
    )


def test_does_without_what_is_optional() -> None:
    environment = Environment.read(
        {k: v for k, v in GOOD.items() if k != "AWS_BATCH_JOB_ATTEMPT"} | {"NF_JOB_ROLE": ""}
    )

    assert environment.attempt == 1
    assert environment.aws_cli == "/opt/aws-cli/bin/aws"
    assert environment.job_role is environment.log_group is environment.endpoint is None


def test_takes_the_region_from_either_variable() -> None:
    environment = Environment.read(GOOD | {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"})

    assert environment.region == "eu-west-1"


@pytest.mark.parametrize("key", ["my arguments.json", "ä/é b", "/a", "a//b", "a\nb"])
def test_the_file_of_arguments_may_have_any_key(key: str) -> None:
    environment = Environment.read(GOOD | {"NF_ARGUMENTS": f"s3://bucket/{key}"})

    assert environment.arguments == S3Uri("bucket", key)


@pytest.mark.parametrize("separator", [":", "#"])
def test_accepts_the_children_of_array_and_multi_node_jobs(separator: str) -> None:
    job_id = f"{GOOD['AWS_BATCH_JOB_ID']}{separator}17"

    assert Environment.read(GOOD | {"AWS_BATCH_JOB_ID": job_id}).job_id == job_id


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("AWS_BATCH_JOB_ID", _JOB_ID),
        ("AWS_REGION", "a region such as us-west-2"),
        ("NF_JOB_QUEUE", "the ARN or the name of a job queue"),
        ("NF_WORKDIR", _FOLDER),
        ("NF_LOGSDIR", _FOLDER),
    ],
)
def test_names_a_missing_variable_and_what_it_must_be(name: str, allowed: str) -> None:
    assert refused(**{name: ""}) == (f"{name} is missing: it must be {allowed}",)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("AWS_BATCH_JOB_ID", "../x", _JOB_ID),
        ("AWS_BATCH_JOB_ID", "a--b", _JOB_ID),
        ("AWS_BATCH_JOB_ATTEMPT", "0", "a number from 1 to 99"),
        ("AWS_BATCH_JOB_ATTEMPT", "two", "a number from 1 to 99"),
        ("AWS_REGION", "Oregon", "a region such as us-west-2"),
        ("AWS_ENDPOINT_URL", "localhost:5000", "http://HOST:PORT, without a path"),
        ("AWS_MAX_ATTEMPTS", "many", "a number from 1 to 999999999"),
        ("AWS_RETRY_MODE", "always", "standard, adaptive or legacy"),
        ("NF_JOB_QUEUE", "two words", "the ARN or the name of a job queue"),
        ("NF_JOB_ROLE", "task-role", "the ARN of an IAM role"),
        ("NF_LOG_GROUP", "a b", "the name of a log group"),
        ("NF_AWS_CLI", "/usr/bin/s5cmd", "an absolute path that ends in /bin/aws"),
        ("NF_AWS_CLI", "bin/aws", "an absolute path that ends in /bin/aws"),
        ("NF_DEPLOYMENT", "a;b", "a name that the value of an AWS tag can hold"),
        ("NF_OWNER", "a;b", "a name that the value of an AWS tag can hold"),
        ("NF_ON_DEMAND_QUEUE", "two words", "the ARN or the name of a job queue"),
        ("NF_SPOT_ATTEMPTS", "0", "a number from 1 to 10"),
        ("NF_MAX_CPUS", "many", "a number from 1 to 999999999"),
        ("NF_MAX_MEMORY", "8 GB", "a number from 1 to 999999999"),
        ("NF_RESUME", "nf-hello", _RESUMED),
        ("NF_RESUME", "5b3ba3b5", _RESUMED),
        ("NF_ARGUMENTS", "s3://bucket", "a file in S3 such as s3://my-bucket/arguments.json"),
        ("NF_WORKDIR", "bucket/runs", _FOLDER),
        (
            "NF_WORKDIR",
            "s3://bucket/my runs",
            _FOLDER,
        ),
        ("NF_WORKDIR", "s3://bucket//runs", _FOLDER),
        ("NF_LOGSDIR", "s3://A/", _FOLDER),
        ("NF_LOGSDIR", "s3://bucket/a/../x", _FOLDER),
        ("NF_WORKDIR", "s3://bucket/..", _FOLDER),
        ("NF_WORKDIR", "s3://bucket/./runs/", _FOLDER),
    ],
)
def test_names_a_malformed_variable_its_value_and_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    assert refused(**{name: value}) == (f"{name}={value!r} is not allowed: it must be {allowed}",)


def test_tells_everything_that_is_wrong_at_once() -> None:
    lines = refused(AWS_REGION="", NF_JOB_QUEUE="two words", NF_WORKDIR="here")

    assert [line.split("=")[0].split()[0] for line in lines] == [
        "NF_WORKDIR",
        "NF_JOB_QUEUE",
        "AWS_REGION",
    ]


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.text(max_size=20)))
def test_never_answers_bad_input_with_anything_but_single_lines(changes: dict[str, str]) -> None:
    lines: tuple[str, ...] = ()
    try:
        Environment.read(GOOD | changes)
    except InputError as refusal:
        lines = refusal.lines

    assert all(len(line.splitlines()) == 1 for line in lines)


def test_prints_only_variables_that_cannot_be_secrets() -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "hush", "TOWER_ACCESS_TOKEN": "hush", "PASSWORD": "hush"}

    assert printable({"NF_WORKDIR": "s3://bucket", **secrets}) == ["NF_WORKDIR=s3://bucket"]


def test_a_secret_variable_is_neither_printed_nor_shown() -> None:
    container = GOOD | {"NF_SCM": "hush", "NXF_JVM_ARGS": "-Dpassword=hush", "NXF_OPTS": "hush"}

    assert "hush" not in " ".join(printable(container)) + repr(Environment.read(container))


def test_the_document_shows_the_table() -> None:
    assert variables_table.shown() == variables_table.render()
