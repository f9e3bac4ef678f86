"""The configuration that the head writes for Nextflow."""

import dataclasses
from pathlib import Path

import image_lock
from nextflow_head import configuration
from nextflow_head.environment import Environment
from nextflow_head.plugin import always, baked
from nextflow_head.s3_uri import S3Uri
from nextflow_head.session import Session
from tests.support import nextflow_options

DOCKERFILE = Path(image_lock.__file__).with_name("Dockerfile")

BARE = Environment(
    job_id="0b3ba3b5",
    attempt=1,
    own_queue=None,
    region="us-west-2",
    max_attempts=100,
    endpoint=None,
    job_queue="default",
    on_demand_queue=None,
    spot_attempts=1,
    max_cpus=None,
    max_memory=None,
    job_role=None,
    log_group=None,
    aws_cli="/opt/aws-cli/bin/aws",
    deployment=None,
    owner=None,
    resume=None,
    arguments=None,
    work=S3Uri("bucket", "runs"),
    logs=S3Uri("bucket", "logs"),
)
FULL = dataclasses.replace(
    BARE,
    endpoint="http://169.254.170.2:5000",
    on_demand_queue="highpriority",
    spot_attempts=2,
    max_cpus=128,
    max_memory=943718,
    job_role="arn:aws:iam::123456789012:role/task",
    log_group="/nextflow/tasks",
    deployment="it's mine",
    owner="ada@example.org",
    share="genomics",
    priority=5,
)


def render(environment: Environment, *, heap: int | None) -> list[str]:
    """The configuration without comments and empty lines."""
    text = configuration.render(
        environment,
        Session.of(environment),
        Path("/reports"),
        heap,
    )
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("//")]


def test_writes_all_that_a_fully_described_environment_needs() -> None:
    session = Session.of(FULL).id

    assert render(FULL, heap=512) == [
        "workDir = 's3://bucket/runs/run-0b3ba3b5/work'",
        "process {",
        "    executor = 'awsbatch'",
        "    queue = 'default'",
        "    errorStrategy = { task.exitStatus == 2147483647 ? 'retry' : 'terminate' }",
        "    resourceLimits = [cpus: 128, memory: '943718 MB']",
        f"    resourceLabels = ['nextflow-run': 'run-0b3ba3b5-a1', 'nextflow-session': '{session}', "
        "'nextflow-deployment': 'it\\'s mine', 'nextflow-owner': 'ada@example.org', "
        "'nextflow-share': 'genomics']",
        "    containerOptions = '-e AWS_ENDPOINT_URL=http://169.254.170.2:5000'",
        "}",
        "executor {",
        "    queueSize = 1000",
        "    submitRateLimit = '40/1sec'",
        "}",
        "aws {",
        "    region = 'us-west-2'",
        "    batch {",
        "        cliPath = '/opt/aws-cli/bin/aws'",
        "        jobRole = 'arn:aws:iam::123456789012:role/task'",
        "        logsGroup = '/nextflow/tasks'",
        "        shareIdentifier = 'genomics'",
        "        schedulingPriority = 5",
        "        maxTransferAttempts = 100",
        "        maxSpotAttempts = 5",
        "        terminateUnschedulableJobs = true",
        "    }",
        "    client {",
        "        maxErrorRetry = 63",
        "        endpoint = 'http://169.254.170.2:5000'",
        "        s3PathStyleAccess = true",
        "        maxDownloadHeapMemory = '128 MB'",
        "    }",
        "}",
        "report {",
        "    enabled = true",
        "    overwrite = true",
        "    file = '/reports/report.html'",
        "}",
        "timeline {",
        "    enabled = true",
        "    overwrite = true",
        "    file = '/reports/timeline.html'",
        "}",
        "trace {",
        "    enabled = true",
        "    overwrite = true",
        "    file = '/reports/trace.txt'",
        "}",
        "dag {",
        "    enabled = true",
        "    overwrite = true",
        "    file = '/reports/dag.html'",
        "}",
    ]


def test_leaves_out_what_the_environment_does_not_have() -> None:
    bare = render(BARE, heap=None)

    assert bare[: bare.index("report {")] == [
        "workDir = 's3://bucket/runs/run-0b3ba3b5/work'",
        "process {",
        "    executor = 'awsbatch'",
        "    queue = 'default'",
        "    errorStrategy = { task.exitStatus == 2147483647 ? 'retry' : 'terminate' }",
        "    resourceLabels = ['nextflow-run': 'run-0b3ba3b5-a1', "
        f"'nextflow-session': '{Session.of(BARE).id}']",
        "}",
        "executor {",
        "    queueSize = 1000",
        "    submitRateLimit = '40/1sec'",
        "}",
        "aws {",
        "    region = 'us-west-2'",
        "    batch {",
        "        cliPath = '/opt/aws-cli/bin/aws'",
        "        maxTransferAttempts = 100",
        "        maxSpotAttempts = 5",
        "        terminateUnschedulableJobs = true",
        "    }",
        "    client {",
        "        maxErrorRetry = 63",
        "    }",
        "}",
    ]


def test_says_nothing_that_the_pinned_nextflow_does_not_know() -> None:
    arguments = image_lock.block(DOCKERFILE.read_text())
    version, known = nextflow_options.declared()
    assert version == arguments["NEXTFLOW_VERSION"], (
        "renew the list: tests/support/nextflow_options.py"
    )

    # Nextflow warns at each start of an option that it does not know.
    assert options(render(FULL, heap=512)) <= known


def options(lines: list[str]) -> set[str]:
    """The names of all options in a configuration, such as `aws.batch.cliPath`."""
    scope: list[str] = []
    found = set()
    for line in map(str.strip, lines):
        if line.endswith("{"):
            scope.append(line.removesuffix("{").strip())
        elif line == "}":
            scope.pop()
        else:
            found.add(".".join([*scope, line.partition(" = ")[0]]))
    return found


def test_explains_every_setting_that_is_not_obvious_to_whoever_reads_it() -> None:
    comments = [line for line in configuration.TEMPLATE.read_text().splitlines() if "//" in line]

    assert any("precedence" in line for line in comments)
    assert any("Spot" in line for line in comments)


def test_finds_the_plugins_that_the_image_brings(tmp_path: Path) -> None:
    for name in ("nf-amazon-3.9.2", "nf-cloudcache-0.6.0", "nf-schema-2.5.1-rc1", "rubbish"):
        (tmp_path / name).mkdir()

    assert {str(plugin) for plugin in baked({"NXF_PLUGINS_DIR": str(tmp_path)}).values()} == {
        "nf-amazon@3.9.2",
        "nf-cloudcache@0.6.0",
        "nf-schema@2.5.1-rc1",
    }
    assert (
        always(baked({"NXF_PLUGINS_DIR": str(tmp_path)})) == "nf-amazon@3.9.2,nf-cloudcache@0.6.0"
    )
    assert baked({}) == baked({"NXF_PLUGINS_DIR": str(tmp_path / "missing")}) == {}
