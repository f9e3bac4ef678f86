"""What the rehearsal reads: Nextflow's command line and its configuration."""

import pytest

from local_aws.rehearsal.replay import command_line, configuration, settings, task
from local_aws.rehearsal.replay.speech import Refused

LEAST = {"workDir": "s3://bucket/runs", "process.queue": "q", "process.container": "image"}


def test_the_head_s_command_line_is_understood() -> None:
    words = "-log nf.log -c a.config run -name r1 -resume 3f0c5c8e-0b5a-4d5f-8a57-1f2f9a4d7e10"
    line = command_line.parse([*words.split(), "hello", "--x", "y", "-with-report", "-latest"])
    assert (line.command, line.positional) == ("run", ["hello"])
    assert line.value("-log") == "nf.log"
    assert line.value("-name") == "r1"
    assert line.value("-resume") == "3f0c5c8e-0b5a-4d5f-8a57-1f2f9a4d7e10"
    assert line.value("--x") == "y"
    assert line.has("-latest")
    assert line.value("-with-report") is None


@pytest.mark.parametrize("words", ["run -resume hello", "run hello -resume", "run -latest hello"])
def test_options_without_a_value_leave_the_pipeline_alone(words: str) -> None:
    assert command_line.parse(words.split()).positional == ["hello"]


def test_what_the_core_prints_flat_is_read() -> None:
    read = configuration.read(
        """process.queue = 'arn:aws:batch:us-west-2:123456789012:job-queue/default'
process.resourceLabels = [a:'b', 'nextflow:run':'x y']
process.errorStrategy = { task.attempt < 3 ? 'retry' : 'finish' }
process.'withName:foo'.cpus = 2
plugins = ['nf-amazon@3.9.2', 'nf-cloudcache@0.6.0']
aws.batch.maxSpotAttempts = 3
report.enabled = true
executor.'$awsbatch'.pollInterval = '5 sec'
"""
    )
    assert read == {
        "process.queue": "arn:aws:batch:us-west-2:123456789012:job-queue/default",
        "process.resourceLabels": {"a": "b", "nextflow:run": "x y"},
        "process.withName:foo.cpus": 2,
        "plugins": ["nf-amazon@3.9.2", "nf-cloudcache@0.6.0"],
        "aws.batch.maxSpotAttempts": 3,
        "report.enabled": True,
        "executor.$awsbatch.pollInterval": "5 sec",
    }


def test_a_file_with_scopes_is_read() -> None:
    read = configuration.read(
        r"""
        // it's a comment { with = 'signs' }
        workDir = 's3://bucket/runs' // not the URL's slashes
        aws { region = 'us-west-2'; batch { cliPath = '/opt/aws-cli/bin/aws' } }
        process {
            executor = "awsbatch"
            ext.args = { "-x ${meta.id}" }
            containerOptions = '-e A=it\'s'
            volumes = [
                '/a:/b',
                '/c',
            ]
        }
        params.computed = "${launchDir}/x"
        """
    )
    assert read == {
        "workDir": "s3://bucket/runs",
        "aws.region": "us-west-2",
        "aws.batch.cliPath": "/opt/aws-cli/bin/aws",
        "process.executor": "awsbatch",
        "process.containerOptions": "-e A=it's",
        "process.volumes": ["/a:/b", "/c"],
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [("5 sec", 5), ("500ms", 0.5), ("1 min", 60), ("2 hours", 7200), ("1500", 1.5), ("0.5s", 0.5)],
)
def test_durations_are_nextflow_s(written: str, expected: float) -> None:
    assert configuration.seconds(written) == expected


@pytest.mark.parametrize("written", ["", "soon", "5 parsecs"])
def test_other_durations_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        configuration.seconds(written)


def test_the_environment_fills_what_the_configuration_lacks() -> None:
    variables = {"NF_JOB_QUEUE": "q1", "NF_WORKDIR": "s3://b/w/", "AWS_REGION": "eu-west-1"}
    config: dict[str, configuration.Value] = {"process.container": "i", "process.queue": "q2"}
    chosen = settings.from_config(config, variables, None)
    assert (chosen.queue, chosen.work_dir, chosen.region) == ("q2", "s3://b/w", "eu-west-1")
    assert chosen.poll_seconds == 10


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (
            "process.executor",
            "local",
            "process.executor is 'local'; a rehearsal replays 'awsbatch'",
        ),
        ("process.queue", "", "the configuration has no process.queue"),
        ("workDir", "/scratch", "workDir is '/scratch'; awsbatch needs s3://BUCKET/FOLDER"),
        ("workDir", "s3://bucket", "workDir is 's3://bucket'; awsbatch needs s3://BUCKET/FOLDER"),
        ("aws.batch.cliPath", "aws", "aws.batch.cliPath is 'aws'; it must be absolute and end in"),
    ],
)
def test_what_nextflow_would_not_run_is_refused(key: str, value: str, reason: str) -> None:
    config: dict[str, configuration.Value] = {**LEAST, key: value}
    with pytest.raises(Refused, match="^" + reason.replace(".", r"\.")):
        settings.from_config(config, {"AWS_REGION": "us-west-2"}, None)


def test_the_launch_command_is_nextflow_s_to_the_letter() -> None:
    chosen = settings.from_config(
        {**LEAST, "aws.batch.cliPath": "/opt/aws-cli/bin/aws"}, {"AWS_REGION": "us-west-2"}, None
    )
    aws = "/opt/aws-cli/bin/aws --region us-west-2 s3 cp --only-show-errors"
    assert task.launch_command(chosen, "s3://bucket/runs/ab/cd") == [
        "bash",
        "-o",
        "pipefail",
        "-c",
        r'trap "[[ -n \$pid ]] && kill -TERM \$pid" TERM; '
        f'trap "{{ ret=$?; {aws} .command.log s3://bucket/runs/ab/cd/.command.log||true; '
        'exit $ret; }" EXIT; '
        f"{aws} s3://bucket/runs/ab/cd/.command.run - | bash > >(tee .command.log) 2>&1 & "
        "pid=$!; wait $pid",
    ]


def test_encryption_reaches_every_upload() -> None:
    config: dict[str, configuration.Value] = {
        **LEAST,
        "aws.client.storageEncryption": "aws:kms",
        "aws.client.storageKmsKeyId": "key-1",
    }
    chosen = settings.from_config(config, {"AWS_REGION": "us-west-2"}, None)
    script = task.wrapper(chosen, task.Task("t", "ab/cd", "true"), "s3://bucket/runs/ab/cd")
    options = "--sse aws:kms --sse-kms-key-id key-1 --storage-class STANDARD"
    assert script.count(options) == 3
    assert (
        "--sse aws:kms --sse-kms-key-id key-1 .command.log"
        in task.launch_command(chosen, "s3://bucket/runs/ab/cd")[4]
    )
