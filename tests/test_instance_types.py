"""The table of instance types, and what it says a task may ask for."""

from __future__ import annotations

import json

import boto3
import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match, Template
from moto import mock_aws
from moto.ec2.models.instance_types import INSTANCE_TYPES, InstanceType, InstanceTypeBackend

from nextflow_batch import Capacity, Resources
from nextflow_batch.instance_types import TABLE, architecture, has, resources
from stacks import instance_types
from stacks.deployment import declare
from testbed.resources import only
from testbed.synthesized import CONTEXT, changed, of

#: What EC2 described to moto's authors, without the Macs.
DESCRIBED = {
    name: Resources(entry["VCpuInfo"]["DefaultVCpus"], entry["MemoryInfo"]["SizeInMiB"])
    for name, entry in INSTANCE_TYPES.items()
    if not name.startswith("mac")
}


def test_the_table_is_what_ec2_describes() -> None:
    assert {name: resources(name) for name in DESCRIBED} == {
        name: [resources] for name, resources in DESCRIBED.items()
    }


def test_the_table_is_written_so_that_a_change_is_easy_to_review() -> None:
    table = json.loads(TABLE.read_text())

    assert instance_types.text(instance_types.merge({}, table)) == TABLE.read_text()


def test_the_table_is_renewed_from_ec2s_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [InstanceType(name) for name in ("c7g.medium", "m6i.large", "mac2.metal")]
    monkeypatch.setattr(InstanceTypeBackend, "instance_types", some)  # all of them take seconds
    with mock_aws():
        described = instance_types.describe(boto3.client("ec2", region_name="us-west-2"))

    assert described == {"c7g": {"medium": [1, 2048]}, "m6i": {"large": [2, 8192]}}


def test_without_credentials_the_table_stays_and_one_line_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    before = TABLE.read_text()

    assert instance_types.main() == 2
    message = "EC2 does not describe its instance types: Unable to locate credentials\n"
    assert capsys.readouterr().err == message
    assert TABLE.read_text() == before


def test_what_a_region_lacks_stays_in_the_table() -> None:
    known: instance_types.Table = {"m6i": {"large": [2, 8192]}, "m1": {"small": [1, 1740]}}
    described: instance_types.Table = {"m6i": {"xlarge": [4, 16384], "large": [2, 8000]}}

    assert instance_types.merge(known, described) == {
        "m1": {"small": [1, 1740]},
        "m6i": {"large": [2, 8000], "xlarge": [4, 16384]},
    }


def test_the_settings_know_each_types_architecture() -> None:
    found = {name: architecture(name) for name in DESCRIBED}

    assert found == {
        name: INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"][-1]
        for name in DESCRIBED
    }


def test_the_table_knows_gpus_and_what_has_no_spot_price() -> None:
    gpus = {name for name in DESCRIBED if has(name, "nvidia")}
    no_spot = {name for name in DESCRIBED if has(name, "no-spot")}

    assert gpus == {
        name
        for name, entry in INSTANCE_TYPES.items()
        if any(gpu["Manufacturer"] == "NVIDIA" for gpu in entry.get("GpuInfo", {}).get("Gpus", []))
    }
    assert no_spot == {
        name for name in DESCRIBED if "spot" not in INSTANCE_TYPES[name]["SupportedUsageClasses"]
    }
    assert (has("g5", "nvidia"), has("m6i", "nvidia"), has("t2", "no-spot")) == (True, False, False)


@pytest.mark.parametrize(
    ("types", "max_vcpus", "largest"),
    [
        (("m6i",), 256, Resources(128, 484_966)),  # 32xlarge has 524,288 MiB
        (("m6i.xlarge", "c6i.xlarge"), 256, Resources(4, 15_155)),
        (("m6i",), 16, Resources(16, 60_620)),  # no instance beyond max_vcpus
        (("optimal",), 256, Resources(128, 969_932)),  # r6i.32xlarge
        (("default_arm64",), 256, Resources(64, 484_966)),  # r6g.16xlarge
        (("c6a.48xlarge", "r6i.xlarge"), 256, Resources(192, 363_724)),
        (("c7i",), 256, Resources(192, 363_724)),  # without its metal sizes
        (("c5n.metal",), 256, Resources(72, 181_862)),  # which have to be named
        (("c7i-flex",), 256, Resources(64, 121_241)),
    ],
)
def test_a_task_may_ask_for_the_largest_instance(
    types: tuple[str, ...], max_vcpus: int, largest: Resources
) -> None:
    capacity = Capacity(purchase="spot", instance_types=types, max_vcpus=max_vcpus)

    assert capacity.largest_job() == largest


def test_a_family_does_not_include_its_metal_sizes() -> None:
    sizes = json.loads(TABLE.read_text())["z1d"]

    assert "metal" in sizes
    assert Resources(*sizes["metal"]) in resources("z1d.metal")
    assert len(resources("z1d")) == len(sizes) - 1


def test_types_that_nobody_knows_have_no_largest_job() -> None:
    with pytest.raises(ValueError, match="no known instance type among m99x, m99y"):
        Capacity(purchase="spot", instance_types=("m99x", "m99y")).largest_job()


def _limits(batch: Template) -> list[str]:
    environment = only(batch, "AWS::Batch::JobDefinition")["ContainerProperties"]["Environment"]
    found = {entry["Name"]: entry["Value"] for entry in environment}
    return [found[name] for name in ("NF_MAX_CPUS", "NF_MAX_MEMORY") if name in found]


@pytest.mark.parametrize(
    ("highpriority", "limits"),
    [(["ondemand"], ["16", "60620"]), (["ondemand", "spot"], ["16", "121241"])],
)
def test_a_task_may_ask_for_what_each_of_its_queues_can_start(
    highpriority: list[str], limits: list[str]
) -> None:
    few_vcpus = {"purchase": "spot", "instance_types": ["r6i.4xlarge"], "max_vcpus": 16}
    many_vcpus = {"purchase": "on-demand", "instance_types": ["c6i.8xlarge", "m6i.2xlarge"]}
    settings = changed(
        "default",
        compute_environments={"spot": few_vcpus, "ondemand": many_vcpus},
        queues={
            "default": {"priority": 1, "compute_environments": ["spot", "ondemand"]},
            "highpriority": {"priority": 2, "compute_environments": highpriority},
        },
        head__queue=None,
    )

    assert _limits(of(settings)["batch"]) == limits


def test_a_family_newer_than_the_table_gives_tasks_no_limits_and_a_warning() -> None:
    """The settings refuse one; who uses the library has no table to renew."""
    settings = changed("default")
    environments = settings.compute_environments
    newer = environments["spot"].model_copy(update={"instance_types": ("m99x", "m6i")})
    app = App(context=CONTEXT)
    declare(
        app,
        settings.model_copy(update={"compute_environments": {**environments, "spot": newer}}),
    )
    stack = app.node.find_child("nextflow-default-batch")
    assert isinstance(stack, Stack)

    assert _limits(Template.from_stack(stack)) == []
    expected = (
        "tasks get no resource limits, because the sizes of m99x are not known: run"
        " `make instance-types`"
    )
    warnings = Annotations.from_stack(stack)
    # Not find_warning: jsii does not always know the type of what it would return.
    warnings.has_warning("*", Match.string_like_regexp(expected))
    others = f"{expected}|the head image is not locked"
    warnings.has_no_warning("*", Match.not_(Match.string_like_regexp(others)))
