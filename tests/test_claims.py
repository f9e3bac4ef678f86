"""Several deployments in one account and region, by their settings files alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from stacks import claims, paths, settings_file
from stacks.settings_error import SettingsError
from testbed.resources import text
from testbed.synthesized import Templates, changed, of
from tests.support.local_aws import Stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_aws.server import LocalAws

LAB = """\
deployment: {name}
region: {region}
{more}
compute_environments:
  spot: {{purchase: spot, instance_types: [m6i]}}
queues:
  default: {{priority: 1, compute_environments: [spot]}}
"""


def write(
    folder: Path,
    name: str,
    more: str = "",
    *,
    region: str = "us-west-2",
    deployment: str | None = None,
) -> None:
    text = LAB.format(name=deployment or name, region=region, more=more)
    (folder / f"{name}.yaml").write_text(text)


def refusal(folder: Path, name: str) -> str:
    try:
        claims.check(folder, name, settings_file.read(folder, name))
    except SettingsError as error:
        return str(error).replace(folder.name, "settings")
    return ""


def test_the_files_of_this_project_can_be_deployed_side_by_side() -> None:
    for file in paths.SETTINGS.glob("*.yaml"):
        claims.check(paths.SETTINGS, file.stem, settings_file.read(paths.SETTINGS, file.stem))


def test_a_copy_needs_another_deployment_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")

    assert refusal(tmp_path, "one") == ""


NAMES = [
    (
        "name_prefix: ''",
        'settings/one.yaml:7: queues.default: the queue "default" is not allowed:'
        " settings/two.yaml has it too; choose another name in one of them, or remove the one that"
        " you do not deploy",
    ),
    (
        "name_prefix: ''",
        'settings/one.yaml:1: head.job_definition: the job definition "nextflow" is not allowed:'
        " settings/two.yaml has it too; choose another name in one of them, or remove the one that"
        " you do not deploy",
    ),
    (
        "storage: {bucket: ours}",
        'settings/one.yaml:3: storage.bucket: the bucket "ours" is not allowed:'
        " settings/two.yaml has it too; choose another name in one of them, or remove the one that"
        " you do not deploy",
    ),
    (
        "storage: {existing_bucket: ours}",
        'settings/one.yaml:3: storage.prefix: "s3://ours/_nextflow" is not allowed: it overlaps with'
        ' "s3://ours/_nextflow" of settings/two.yaml; choose another prefix in one of them',
    ),
    (
        "registries: {quay: true, scan_on_push: true}",
        "settings/one.yaml:3: registries.scan_on_push: true is not allowed: settings/two.yaml sets it"
        " too, and ECR has one scanning configuration for an account and region; remove it from one"
        " of them",
    ),
]


@pytest.mark.parametrize(("more", "line"), NAMES)
def test_a_name_that_two_files_claim_is_one_line(tmp_path: Path, more: str, line: str) -> None:
    write(tmp_path, "one", more)
    write(tmp_path, "two", more)

    assert line in refusal(tmp_path, "one").splitlines()


@pytest.mark.parametrize(
    ("mine", "theirs", "keys"),
    [
        ("{existing_bucket: ours, prefix: x}", "{existing_bucket: ours, prefix: x/y}", ["prefix"]),
        ("{bucket: ours}", "{existing_bucket: ours}", ["prefix"]),
        (
            "{existing_bucket: ours, prefix: x, store_dirs: [a, y]}",
            "{existing_bucket: ours, prefix: y}",
            ["store_dirs.1"],
        ),
        (
            "{existing_bucket: ours, prefix: x, store_dirs: [store]}",
            "{existing_bucket: ours, prefix: xy, store_dirs: [store]}",
            [],
        ),
        ("{prefix: x}", "{prefix: x}", []),
    ],
)
def test_no_deployment_writes_what_is_anothers(
    tmp_path: Path, mine: str, theirs: str, keys: list[str]
) -> None:
    write(tmp_path, "one", f"storage: {mine}")
    write(tmp_path, "two", f"storage: {theirs}")

    found = refusal(tmp_path, "one").splitlines()
    assert [line.split(": ")[1] for line in found] == [f"storage.{key}" for key in keys]


def test_a_copy_with_the_originals_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", deployment="one")

    assert 'the deployment "one" is not allowed: settings/one.yaml has it too' in refusal(
        tmp_path, "two"
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "collide"),
    [
        ("", 'account: "123456789012"', True),
        ('account: "123456789012"', 'account: "210987654321"', False),
    ],
)
def test_names_may_be_the_same_in_another_account(
    tmp_path: Path, mine: str, theirs: str, collide: bool
) -> None:
    write(tmp_path, "one", f"name_prefix: ''\n{mine}")
    write(tmp_path, "two", f"name_prefix: ''\n{theirs}")

    assert bool(refusal(tmp_path, "one")) == collide


def test_names_may_be_the_same_in_another_region_but_not_those_of_buckets(tmp_path: Path) -> None:
    more = "name_prefix: ''\nstorage: {bucket: ours}"
    write(tmp_path, "one", more)
    write(tmp_path, "two", more, region="eu-west-1")

    assert [line.split(": ")[1] for line in refusal(tmp_path, "one").splitlines()] == [
        "storage.bucket"
    ]


def test_environments_and_queues_of_all_files_are_counted(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(20)]
    many = "".join(f"  {name}: {{purchase: spot, instance_types: [m6i]}}\n" for name in names)
    queues = "".join(
        f"  {name}: {{priority: 1, compute_environments: [{name}]}}\n" for name in names
    )
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text(
            f"deployment: {name}\ncompute_environments:\n{many}queues:\n{queues}"
            "head: {task_queue: c0}\n"
        )

    assert refusal(tmp_path, "one").splitlines() == [
        f"settings/one.yaml:{line}: {key}: 60 are not allowed: an account may have 50 in a region,"
        " and the settings files have one 20, three 20, two 20"
        for key, line in (("queues", 23), ("compute_environments", 2))
    ]


def test_a_file_that_is_not_valid_claims_nothing(tmp_path: Path) -> None:
    write(tmp_path, "one", "name_prefix: ''")
    write(tmp_path, "two", "name_prefix: ''\ncolour: blue")

    assert refusal(tmp_path, "one") == ""


#: Properties that name a resource for the whole account or region.
_NAME = re.compile(r"^(?!PolicyName|LogicalName)\w*(Name|Alias)$")
#: What the properties above name is another resource, or a part of one.
_REFERENCES = {"InstanceProfileName", "LaunchTemplateName", "ContainerName", "ServiceName"}


def _names(templates: Templates) -> set[str]:
    """Exports, and physical names of resources."""
    found: set[str] = set()
    for template in templates.values():
        document = template.to_json()
        for output in document.get("Outputs", {}).values():
            if "Export" in output:
                found.add(f"export {text(output['Export']['Name'])}")
        for resource in document["Resources"].values():
            kind = resource["Type"]
            for key, value in resource.get("Properties", {}).items():
                if _NAME.match(key) and key not in _REFERENCES and isinstance(value, str):
                    found.add(f"{kind} {value}")
    return found


@pytest.fixture(scope="module")
def both(templates: Callable[[str], Templates]) -> tuple[Templates, Templates]:
    """The default settings, and a copy with another deployment."""
    return templates("default"), of(changed("default", deployment="lab"))


def test_two_deployments_have_no_name_in_common(both: tuple[Templates, Templates]) -> None:
    one, two = map(_names, both)

    assert one & two == set()
    assert "AWS::Batch::JobQueue lab-heads" in two
    assert "AWS::SSM::Parameter /nextflow-batch/lab" in two
    assert len(one) == len(two)


def _deploy(aws: LocalAws, name: str, templates: Templates) -> None:
    """Create the stacks in the order of their references to each other."""
    for part in ("data", "batch", "operations"):
        stack = Stack(aws, f"nextflow-{name}-{part}")
        body = json.dumps(templates[part].to_json())
        key = f"{stack.name}.json"
        aws.client("s3").put_object(Bucket="templates", Key=key, Body=body)
        stack.api.create_stack(
            StackName=stack.name,
            TemplateURL=f"https://templates.s3.us-west-2.amazonaws.com/{key}",
            Capabilities=["CAPABILITY_IAM"],
        )
        assert stack.status == "CREATE_COMPLETE", stack.events("CREATE_FAILED")


def test_two_deployments_live_side_by_side(
    aws: LocalAws, both: tuple[Templates, Templates]
) -> None:
    aws.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    where = {"LocationConstraint": "us-west-2"}
    aws.client("s3").create_bucket(Bucket="templates", CreateBucketConfiguration=where)
    for name, made in zip(("default", "lab"), both, strict=True):
        _deploy(aws, name, made)
    batch = aws.client("batch")
    queues = {entry["jobQueueName"] for entry in batch.describe_job_queues()["jobQueues"]}

    parts = ("default", "highpriority", "heads")
    assert queues == {f"{name}-{part}" for name in ("default", "lab") for part in parts}
    definitions = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    assert {entry["jobDefinitionName"] for entry in definitions} == {
        "default-nextflow",
        "lab-nextflow",
    }
