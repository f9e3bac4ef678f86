"""How a worker starts, and what it may do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from email import message_from_string
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_worker import service
from nextflow_worker.provision import task_client
from nextflow_worker.settings import Settings
from stacks import paths, settings_file
from testbed.resources import only, properties, statement, text
from testbed.synthesized import changed, of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_cdk.assertions import Template

    from testbed.synthesized import Templates

    Reader = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def batch(templates: Callable[[str], Templates]) -> Template:
    return templates("default")["batch"]


@pytest.fixture(scope="module")
def launch(batch: Template) -> dict[str, Any]:
    found: dict[str, Any] = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    return found


@pytest.fixture
def document(tmp_path: Path) -> Reader:
    """What the user data of a launch template writes for the worker."""

    def written(launch: dict[str, Any]) -> dict[str, Any]:
        header = text(launch["UserData"]).partition("#!/bin/bash\nmkdir")[2]
        script = "mkdir" + header.partition("#!/bin/bash\n")[0]
        environ = {**os.environ, "NFB_ROOT": str(tmp_path)}
        subprocess.run(["bash", "-c", script], env=environ, check=True)
        return dict(json.loads((tmp_path / "etc/nextflow-batch/worker.json").read_text()))

    return written


def test_metadata_needs_a_token_and_stays_on_the_instance(launch: dict[str, Any]) -> None:
    assert launch["MetadataOptions"] == {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"}


def test_a_worker_that_shuts_down_is_gone(launch: dict[str, Any]) -> None:
    assert launch["InstanceInitiatedShutdownBehavior"] == "terminate"


def test_every_volume_is_encrypted_gp3(launch: dict[str, Any]) -> None:
    volumes = [device["Ebs"] for device in launch["BlockDeviceMappings"]]

    assert [(volume["Encrypted"], volume["VolumeType"]) for volume in volumes] == [
        (True, "gp3")
    ] * 2


def test_instances_volumes_and_interfaces_carry_the_same_tags(launch: dict[str, Any]) -> None:
    tag = {"Key": "nextflow-batch:deployment", "Value": "default"}

    assert {entry["ResourceType"] for entry in launch["TagSpecifications"]} == {
        "instance",
        "volume",
        "network-interface",
    }
    first, *others = (entry["Tags"] for entry in launch["TagSpecifications"])
    assert tag in first
    assert all(sorted(each, key=str) == sorted(first, key=str) for each in others)


def test_the_user_data_is_a_boothook_and_the_boot_script(launch: dict[str, Any]) -> None:
    message = message_from_string(text(launch["UserData"]))
    parts = message.get_payload()
    assert isinstance(parts, list)

    assert [part.get_content_type() for part in parts if isinstance(part, Message)] == [
        "text/cloud-boothook",
        "text/x-shellscript",
    ]
    assert (paths.WORKER / "boot.sh").read_text().strip() in str(parts[1])


# What cloud-init takes each part for; it belongs to the system's Python, not to this one.
_TAKE_APART = """
import sys
from cloudinit.helpers import Paths
from cloudinit.user_data import UserDataProcessor
for part in UserDataProcessor(Paths({})).process(sys.stdin.buffer.read()).walk():
    if not part.is_multipart():
        print(part.get_content_type(), len(part.get_payload(decode=True)))
"""


def test_cloud_init_itself_takes_the_user_data_apart(launch: dict[str, Any]) -> None:
    """Its schemas are of `#cloud-config`, of which there is none; its parser is what reads ours.

    https://docs.cloud-init.io/en/latest/explanation/format.html
    """
    python = "/usr/bin/python3"
    if subprocess.run(
        [python, "-c", "import cloudinit"], check=False, capture_output=True
    ).returncode:
        pytest.skip("cloud-init is not installed")
    user_data = text(launch["UserData"])

    done = subprocess.run(
        [python, "-c", _TAKE_APART],
        input=user_data.encode(),
        check=True,
        capture_output=True,
        cwd="/",
        env={},
    )

    kinds, sizes = zip(*(line.split() for line in done.stdout.decode().splitlines()), strict=True)
    assert kinds == ("text/cloud-boothook", "text/x-shellscript")
    assert int(sizes[1]) > len((paths.WORKER / "boot.sh").read_text())
    assert done.stderr == b""


def test_a_worker_knows_what_its_programs_must_be(
    templates: Callable[[str], Templates], launch: dict[str, Any], document: Reader
) -> None:
    sent = _programs(templates("default"))
    names = sorted(file.relative_to(sent).as_posix() for file in sent.rglob("*") if file.is_file())
    listing = subprocess.run(
        ["sha256sum", "--", *names], cwd=sent, capture_output=True, check=True
    ).stdout

    digest = hashlib.sha256(listing).hexdigest()
    assert document(launch)["asset_sha256"] == digest


@pytest.mark.parametrize(("choice", "sent"), [("own", ["x86_64/aws"]), ("aws-cli", [])])
def test_the_tasks_client_travels_with_the_programs_unless_it_is_the_aws_clis(
    choice: str, sent: list[str]
) -> None:
    clients = _programs(of(changed("default", task_s3_client=choice))) / task_client.CLIENTS.name

    assert sorted(file.relative_to(clients).as_posix() for file in clients.rglob("aws")) == sent


def test_the_aws_client_travels_to_where_the_programs_look_for_it(
    templates: Callable[[str], Templates],
) -> None:
    clients = _programs(templates("default")) / service.CLIENTS.name

    found = sorted(file for file in clients.rglob("*") if file.is_file())
    names = [file.relative_to(clients).as_posix() for file in found]
    assert names == ["x86_64/aws-client"]
    assert all(os.access(file, os.X_OK) for file in found)


@pytest.mark.parametrize(
    ("families", "machines"),
    [
        ({"ondemand": ["m7g"]}, ["aarch64"]),
        ({"ondemand": ["m6i"]}, ["x86_64"]),
        ({"ondemand": ["m6i"], "arm": ["m7g"]}, ["aarch64", "x86_64"]),
    ],
    ids=["arm64", "x86_64", "both"],
)
def test_the_programs_are_for_the_machines_of_the_deployment(
    families: dict[str, list[str]], machines: list[str]
) -> None:
    environments = {
        name: {"purchase": "on-demand", "instance_types": types} for name, types in families.items()
    }
    queues = {name: {"priority": 1, "compute_environments": [name]} for name in families}
    (first, *_) = families
    head = {"architecture": "arm64" if machines == ["aarch64"] else "x86_64", "task_queue": first}
    settings = {"compute_environments": environments, "queues": queues, "head": head}
    sent = _programs(of(settings_file.parse(json.dumps({"deployment": "m", **settings}), "m.yaml")))

    for client in (service.CLIENTS.name, task_client.CLIENTS.name):
        assert sorted(path.name for path in (sent / client).iterdir()) == machines


def test_other_programs_are_another_asset(templates: Callable[[str], Templates]) -> None:
    other = _programs(of(changed("default", task_s3_client="aws-cli")))

    assert _programs(templates("default")).name != other.name


def _programs(templates: Templates) -> Path:
    (programs,) = [
        folder for folder in templates.directory.glob("asset.*") if (folder / "boot.sh").is_file()
    ]
    return programs


def test_what_lint_leaves_behind_does_not_travel(templates: Callable[[str], Templates]) -> None:
    programs = _programs(templates("default"))
    assert [file for file in programs.iterdir() if file.name.startswith((".", "__", "ruff"))] == []


def test_the_user_data_leaves_room_for_batchs_own_part(launch: dict[str, Any]) -> None:
    # 16 KB is EC2's limit before base64; Batch appends about 1 KB.
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    assert len(text(launch["UserData"])) < 14 * 1024


def test_a_changed_program_reaches_the_compute_environment(batch: Template) -> None:
    version = [
        text(entry["ComputeResources"]["LaunchTemplate"]["Version"])
        for entry in properties(batch, "AWS::Batch::ComputeEnvironment")
    ]

    assert [entry.endswith(".LatestVersionNumber>") for entry in version] == [True] * 3


def test_volumes_are_created_only_encrypted_tagged_and_as_large_as_scratch_may_be() -> None:
    batch = of(changed("default", scratch__max_size_gib=500))["batch"]

    assert statement(batch, "CreateTaggedVolumes")["Condition"] == {
        "StringEquals": {
            "aws:RequestTag/nextflow-batch:deployment": "default",
            "ec2:VolumeType": "gp3",
        },
        "NumericLessThanEquals": {"ec2:VolumeSize": "500"},
        "Bool": {"ec2:Encrypted": "true"},
    }


def test_other_deployments_volumes_are_out_of_reach(batch: Template) -> None:
    assert statement(batch, "UseOwnVolumes")["Condition"] == {
        "StringEquals": {"aws:ResourceTag/nextflow-batch:deployment": "default"}
    }


#: All that the scratch disk's daemon asks of EC2, by where it is allowed.
EC2_CALLS = {
    "CreateTaggedVolumes": {"ec2:CreateVolume"},
    "TagVolumesAtCreation": {"ec2:CreateTags"},
    "UseOwnVolumes": {
        "ec2:AttachVolume",
        "ec2:DeleteVolume",
        "ec2:DetachVolume",
        "ec2:ModifyInstanceAttribute",
        "ec2:ModifyVolume",
    },
    "AttachToItself": {"ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyInstanceAttribute"},
    "SeeVolumes": {
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumesModifications",
    },
}


def test_a_worker_may_ask_of_ec2_what_its_daemon_calls_and_nothing_else(batch: Template) -> None:
    allowed = {sid: set(_actions(statement(batch, sid))) for sid in EC2_CALLS}
    modules = (paths.WORKER / "nextflow_worker").rglob("*.py")
    code = "".join(module.read_text("utf-8") for module in modules)
    ec2 = r"""(?:calls|ec2)\.call\(\s*"(\w+)\""""
    called = {f"ec2:{operation}" for operation in re.findall(ec2, code)}

    assert allowed == EC2_CALLS
    assert set().union(*allowed.values()) - {"ec2:CreateTags"} == called


def _actions(entry: dict[str, Any]) -> list[str]:
    actions: str | list[str] = entry["Action"]
    return [actions] if isinstance(actions, str) else actions


def test_the_worker_reads_the_document_that_the_launch_template_writes(document: Reader) -> None:
    chosen = {
        "iops": 4000,
        "throughput_mibs": 300,
        "max_size_gib": 500,
        "max_volumes": 7,
        "max_usd_per_month": 99.5,
        "gp3_usd_per_gib": 0.1,
        "gp3_usd_per_iops": 0.006,
        "gp3_usd_per_mibs": 0.05,
        "freeze_seconds": 60,
    }
    tags = {"owner": "Genomes + more @ lab"}
    settings = changed("default", tags=tags, **{f"scratch__{key}": chosen[key] for key in chosen})
    launch = only(of(settings)["batch"], "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    instance = {"instance_id": "i-0123", "availability_zone": "us-west-2a"}

    read = Settings.parse({**document(launch), **instance})

    assert vars(read.scratch) == {**chosen, "size_gib": settings.scratch.size_gib}
    assert read.volume_tags == tags
    assert read.deployment == "default"


def test_a_worker_attaches_only_to_itself(batch: Template) -> None:
    """Each key is one that EC2's service reference lists for the resource `instance`, or global."""
    ((operator, condition),) = statement(batch, "AttachToItself")["Condition"].items()

    assert operator == "ArnEquals"
    assert {key: text(value) for key, value in condition.items()} == {
        "ec2:SourceInstanceARN": "arn:aws:ec2:us-west-2:<AWS::AccountId>:instance/${ec2:InstanceID}"
    }


def test_the_key_is_used_through_ec2_only() -> None:
    batch = of(changed("default", storage__customer_key=True))["batch"]

    for sid in ("EncryptVolumes", "GrantKeyToVolumes"):
        conditions = statement(batch, sid)["Condition"]
        assert text(conditions["StringEquals"]["kms:ViaService"]) == (
            "ec2.us-west-2.<AWS::URLSuffix>"
        )


def _of_role(batch: Template) -> set[str]:
    """All that the batch stack's own policies let the instances do."""
    return {
        action
        for name, policy in batch.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith(("Worker", "ComputeClusterAccess"))
        for entry in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in _actions(entry)
        if not action.startswith(("ec2:", "ecs:", "s3:"))
    }


def test_a_worker_has_none_of_awss_policies_and_reads_no_parameter(batch: Template) -> None:
    """Those allow ssm:GetParameter, ECR, ECS and logs on everything."""
    (role,) = [
        entry
        for entry in properties(batch, "AWS::IAM::Role")
        if entry.get("Description") == "Instances that Batch starts"
    ]

    assert [arn for arn in role["ManagedPolicyArns"] if ":aws:policy/" in text(arn)] == []
    assert _of_role(batch) == set()


def test_session_manager_is_a_choice_and_brings_no_more_than_sessions() -> None:
    batch = of(changed("default", worker__session_manager=True))["batch"]

    assert _of_role(batch) == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_images_are_pulled_from_the_repositories_that_the_settings_name() -> None:
    other = "arn:aws:ecr:us-west-2:210987654321:repository/tools"
    batch = of(changed("default", worker__image_repositories=["lab/*", other]))["batch"]

    assert {text(arn) for arn in statement(batch, "PullTaskImages")["Resource"]} == {
        "arn:aws:ecr:us-west-2:<AWS::AccountId>:repository/lab/*",
        other,
    }
    assert {action for action in _of_role(batch) if "Put" in action or "Create" in action} == set()


def test_a_larger_ami_has_a_larger_root_volume() -> None:
    batch = of(changed("default", worker__root_size_gib=60))["batch"]
    launch = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    assert launch["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 60


def test_a_worker_fetches_its_own_programs_only(batch: Template) -> None:
    fetch = statement(batch, "FetchPrograms")

    assert fetch["Action"] == "s3:GetObject"
    assert text(fetch["Resource"]).endswith(".zip")


def test_a_worker_has_no_access_to_the_data(templates: Callable[[str], Templates]) -> None:
    role = next(
        entry
        for entry in properties(templates("default")["batch"], "AWS::IAM::Role")
        if entry.get("Description") == "Instances that Batch starts"
    )
    attached = [text(arn) for arn in role["ManagedPolicyArns"]]

    assert [arn for arn in attached if "HeadAccess" in arn or "TaskAccess" in arn] == []
    assert any("WorkerAccess" in arn for arn in attached)


def test_scratch_is_as_large_as_the_settings_say() -> None:
    batch = of(changed("default", scratch__size_gib=500))["batch"]
    launch = only(batch, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    assert launch["BlockDeviceMappings"][1]["Ebs"]["VolumeSize"] == 500
