"""Deployments: what the app publishes is what `nfbatch` finds, and each failure is one line."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from nextflow_batch import deployment_document
from nfbatch import aws_error, deployment
from nfbatch.deployment import Deployment
from nfbatch.error import Kind, NfbatchError
from stacks import paths
from testbed.resources import properties, text
from testbed.synthesized import changed, of
from tests.support.batch import REGION
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.synthesized import Templates


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        yield made


def published(templates: Templates) -> tuple[str, str]:
    """Name and text of the parameter, with bucket and log group as they could be."""
    (parameter,) = properties(templates["batch"], "AWS::SSM::Parameter")
    value = re.sub(r"<[^>]*StorageBucket[^>]*>", "lab-bucket", text(parameter["Value"]))
    return parameter["Name"], re.sub(r"<[^>]*StorageLogs[^>]*>", "lab-logs", value)


def test_what_the_app_publishes_is_what_nfbatch_reads(
    templates: Callable[[str], Templates],
) -> None:
    name, value = published(templates("default"))

    assert name == f"{deployment.PATH}/default" == f"{deployment_document.PATH}/default"
    assert deployment.FORMAT == deployment_document.FORMAT
    assert Deployment.read(name, value).as_json() == {
        "deployment": "default",
        "job_definition": "default-nextflow",
        "head_queue": "default-heads",
        "queues": ["default-default", "default-highpriority", "default-heads"],
        "logs": "s3://lab-bucket/_nextflow/logs",
        "runs": "s3://lab-bucket/_nextflow/runs",
        "uploads": "s3://lab-bucket/_nextflow/launch",
        "log_group": "lab-logs",
    }


def test_the_document_has_the_settings_names() -> None:
    settings = changed(
        "default", deployment="other", storage__prefix="a/b", head__job_definition="heads"
    )
    name, value = published(of(settings))
    found = Deployment.read(name, value)

    assert (name, found.name) == ("/nextflow-batch/other", "other")
    assert found.job_definition == "other-heads"
    assert str(found.uploads) == "s3://lab-bucket/a/b/launch"


def test_the_documents_fields_are_documented_and_those_of_the_tests(
    templates: Callable[[str], Templates], lab: DeploymentTestbed
) -> None:
    fields = set(json.loads(published(templates("default"))[1]))
    documented = (paths.ROOT / "docs" / "nfbatch.md").read_text()

    assert fields == set(lab.document)
    assert {field for field in fields if f"| `{field}` |" not in documented} == set()


def test_uploads_are_outside_of_work_directories_and_logs(
    templates: Callable[[str], Templates],
) -> None:
    """Heads run what is there: docs/adr/0019-what-a-task-cannot-write.md."""
    found = Deployment.read(*published(templates("default")))

    for other in (found.runs, found.logs):
        assert not f"{found.uploads}/".startswith(f"{other}/")
        assert not f"{other}/".startswith(f"{found.uploads}/")


def test_the_only_deployment_is_found(lab: DeploymentTestbed) -> None:
    found = lab.nfbatch("deployments", "--json").json["deployments"]

    assert [each["deployment"] for each in found] == ["lab"]
    assert lab.nfbatch("launch", "--dry-run", "s3://b/p", NFBATCH_DEPLOYMENT="").status == 0


def test_several_deployments_have_to_be_told_apart(lab: DeploymentTestbed) -> None:
    other = DeploymentTestbed(lab.testbed, "other")
    try:
        refused = lab.nfbatch("launch", "--dry-run", "s3://b/p", NFBATCH_DEPLOYMENT="")
        chosen = lab.nfbatch("launch", "-d", "other", "--dry-run", "s3://b/p")
        unknown = lab.nfbatch("launch", "-d", "lba", "--dry-run", "s3://b/p")
    finally:
        other.withdraw()

    assert (refused.status, refused.err) == (
        Kind.NOT_FOUND,
        "nfbatch: there are several deployments in us-west-2: choose one of lab, other with"
        " --deployment\n",
    )
    assert chosen.json["jobQueue"] == other.queues[0]
    assert unknown.err == (
        "nfbatch: there is no deployment 'lba' in us-west-2: there is lab, other\n"
    )


def test_another_region_has_none(lab: DeploymentTestbed) -> None:
    answer = lab.nfbatch("launch", "--region", "eu-west-1", "hello")

    assert (answer.status, answer.err) == (
        Kind.NOT_FOUND,
        "nfbatch: there is no deployment in eu-west-1: pass the region of yours with --region, or"
        " its account with --profile\n",
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ('{"format": 2}', "has format 2, and this nfbatch reads format 1: update nfbatch"),
        ('{"format": 0}', "has format 0, and this nfbatch reads format 1: deploy it again"),
        ("{", "is not the document of a deployment: deploy it again"),
        ("[]", "is not the document of a deployment: deploy it again"),
        ('{"format": 1}', "is not the document of a deployment: deploy it again"),
    ],
)
def test_a_document_that_cannot_be_read_is_one_line(value: str, sentence: str) -> None:
    with pytest.raises(NfbatchError) as refused:
        Deployment.read("/nextflow-batch/lab", value)

    assert str(refused.value) == f"the SSM parameter /nextflow-batch/lab {sentence}"


def answered(code: str, message: str = "-") -> ClientError:
    """An error as boto3 makes it of an answer."""
    session: Any = boto3.session.Session()
    client = session.client("ssm", region_name=REGION)
    with Stubber(client) as stub:
        stub.add_client_error("get_parameters_by_path", code, message)
        with pytest.raises(ClientError) as raised:
            client.get_parameters_by_path(Path="/")
    return raised.value


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        ("ExpiredTokenException", "-", Kind.NO_CREDENTIALS, "have expired"),
        ("ExpiredToken", "-", Kind.NO_CREDENTIALS, "`aws sso login --profile lab`"),
        ("UnrecognizedClientException", "-", Kind.NO_CREDENTIALS, "does not accept"),
        ("InvalidClientTokenId", "-", Kind.NO_CREDENTIALS, "does not accept"),
        ("ThrottlingException", "-", Kind.UNREACHABLE, "limits the rate of calls"),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/a is not authorized to perform:"
            " ssm:GetParametersByPath on resource: arn:aws:ssm:us-west-2:123456789012:parameter/x",
            Kind.NO_PERMISSION,
            "may not call ssm:GetParametersByPath on arn:aws:ssm:us-west-2:123456789012:parameter/x",
        ),
        (
            "ValidationException",
            "bad\nthing",
            Kind.BAD_INPUT,
            "AWS refuses GetParametersByPath: bad thing",
        ),
    ],
)
def test_an_answer_of_aws_is_one_line(code: str, message: str, kind: Kind, words: str) -> None:
    found = aws_error.translate(answered(code, message), "lab")

    assert found.kind is kind
    assert words in str(found)
    assert "\n" not in str(found)


def as_program(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command, with nothing of this machine's AWS configuration."""
    program = Path(sysconfig.get_path("scripts")) / "nfbatch"
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("AWS_")
    } | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
    }
    return subprocess.run(
        [str(program), *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_credentials_the_line_says_how_to_get_some() -> None:
    done = as_program("deployments", "--region", REGION)

    assert (done.returncode, done.stdout) == (Kind.NO_CREDENTIALS, "")
    assert done.stderr == (
        "nfbatch: there are no AWS credentials: run `aws configure sso`, pass --profile NAME, or"
        " set AWS_PROFILE\n"
    )


def test_without_a_region_the_line_names_the_option() -> None:
    done = as_program("deployments", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")

    assert done.returncode == Kind.BAD_INPUT
    assert done.stderr == "nfbatch: no region is set: pass --region, such as --region us-west-2\n"


def test_an_unknown_profile_is_named() -> None:
    done = as_program("deployments", "--profile", "lba")

    assert done.returncode == Kind.BAD_INPUT
    assert done.stderr.startswith("nfbatch: there is no profile lba: ")


def test_an_sso_session_that_has_ended_is_named_with_the_command(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile lab]\nsso_session = lab\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "region = us-west-2\n"
        "[sso-session lab]\nsso_region = us-west-2\nsso_start_url = https://lab.invalid/start\n"
    )
    done = as_program(
        "deployments", "--profile", "lab", AWS_CONFIG_FILE=str(config), HOME=str(tmp_path)
    )

    assert done.returncode == Kind.NO_CREDENTIALS
    assert done.stderr == (
        "nfbatch: the SSO session has expired: run `aws sso login --profile lab`\n"
    )


def test_an_aws_that_does_not_respond_is_one_line() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        done = as_program(
            "deployments",
            "--region",
            REGION,
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{nobody.getsockname()[1]}",
            AWS_ACCESS_KEY_ID="a",
            AWS_SECRET_ACCESS_KEY="b",
        )

    assert done.returncode == Kind.UNREACHABLE
    assert done.stderr.startswith("nfbatch: AWS does not respond (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["xyzzy"], "nfbatch: No such command 'xyzzy'. (`nfbatch --help` shows what is allowed)\n"),
        (
            ["launch"],
            "nfbatch: Missing argument 'PROJECT'. (`nfbatch launch --help` shows what is allowed)\n",
        ),
        (["launch", "--head-memory", "3", "hello"], "nfbatch: Invalid value for '--head-memory'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(arguments: list[str], line: str) -> None:
    done = as_program(*arguments)

    assert done.returncode == Kind.BAD_INPUT
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_help_and_completion_need_no_boto3() -> None:
    """Importing it takes longer than all the rest, and Tab must not hesitate."""
    code = (
        "import sys; from nfbatch.__main__ import run; run(['--help']); run(['launch', '--help']);"
        "print([name for name in sys.modules if name.startswith('boto')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(paths.ROOT / "cli")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_shell_can_complete_commands() -> None:
    done = as_program(_NFBATCH_COMPLETE="complete_bash", COMP_WORDS="nfbatch lau", COMP_CWORD="1")

    assert "launch" in done.stdout.split()


@pytest.mark.parametrize("words", [["--version"], ["prices"]], ids=lambda words: words[0])
def test_a_full_disk_is_one_line(words: list[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "nfbatch", *words],
            env={**os.environ, "PYTHONPATH": str(paths.ROOT / "cli"), "AWS_REGION": "us-east-1"},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.stderr == "nfbatch: the output cannot be written: the disk is full\n"
    assert done.returncode == Kind.BAD_INPUT
