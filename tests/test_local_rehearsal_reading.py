"""What the rehearsal reads: Nextflow's command line and the head's variables."""

from pathlib import Path

import pytest

from local_aws.rehearsal.replay import command_line, settings, task
from local_aws.rehearsal.replay.speech import Refused

HEAD = {"AWS_REGION": "eu-west-1", "NF_JOB_QUEUE": "q", "NF_WORKDIR": "s3://bucket/runs/"}


def test_the_head_s_command_line_is_understood() -> None:
    words = "-log nf.log -c a.config run -name r1 -resume 3f0c5c8e-0b5a-4d5f-8a57-1f2f9a4d7e10"
    line = command_line.parse([*words.split(), "hello", "--x", "y", "-with-report", "-latest"])
    assert (line.command, line.positional) == ("run", ["hello"])
    assert line.value("-log") == "nf.log"
    assert line.value("-name") == "r1"
    assert line.value("-resume") == "3f0c5c8e-0b5a-4d5f-8a57-1f2f9a4d7e10"
    assert line.value("--x") == "y"
    assert line.value("-with-report") is None


@pytest.mark.parametrize("words", ["run -resume hello", "run hello -resume", "run -latest hello"])
def test_options_without_a_value_leave_the_pipeline_alone(words: str) -> None:
    assert command_line.parse(words.split()).positional == ["hello"]


def test_the_work_directory_is_the_command_line_s_or_the_configuration_s_or_the_variable_s(
    tmp_path: Path,
) -> None:
    config = tmp_path / "head.config"
    config.write_text("// workDir = 's3://no'\n\nworkDir = 's3://bucket/runs/1'\n")
    chosen = settings.from_head(HEAD, [], None, "image")
    assert (chosen.queue, chosen.region) == ("q", "eu-west-1")
    assert chosen.work_dir == "s3://bucket/runs"
    assert settings.from_head(HEAD, [config], None, "image").work_dir == "s3://bucket/runs/1"
    assert settings.from_head(HEAD, [config], "s3://b/w", "image").work_dir == "s3://b/w"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("NF_JOB_QUEUE", "", "NF_JOB_QUEUE is not set"),
        ("NF_WORKDIR", "/scratch", "workDir is '/scratch'; awsbatch needs s3://BUCKET/FOLDER"),
        ("NF_WORKDIR", "s3://bucket", "workDir is 's3://bucket'; awsbatch needs"),
        ("NF_AWS_CLI", "aws", "NF_AWS_CLI is 'aws'; it must be absolute and end in"),
    ],
)
def test_what_nextflow_would_not_run_is_refused(name: str, value: str, reason: str) -> None:
    with pytest.raises(Refused, match="^" + reason):
        settings.from_head(HEAD | {name: value}, [], None, "image")


def test_the_launch_command_is_nextflow_s_to_the_letter() -> None:
    chosen = settings.from_head(HEAD | {"NF_AWS_CLI": "/opt/aws-cli/bin/aws"}, [], None, "image")
    aws = "/opt/aws-cli/bin/aws --region eu-west-1 s3 cp --only-show-errors"
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
