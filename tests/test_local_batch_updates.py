"""Infrastructure updates: the workers of a compute environment are replaced while jobs run."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import batch as local_batch
from local_aws.batch.capacity import Demand
from local_aws.pace import PACE
from tests.support.batch import Gate, Testbed, process_testbed
from tests.support.local_aws import Stack, resource

AL2023 = [{"imageType": "ECS_AL2023"}]


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


@pytest.fixture
def stack(testbed: Testbed) -> Iterator[Stack]:
    made = Stack.new(testbed.server)
    yield made
    made.delete()


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Any:
    """How long a minute takes."""
    return lambda seconds: monkeypatch.setattr(PACE, "minute", seconds)


def described(testbed: Testbed, name: str) -> dict[str, Any]:
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[name])
    (found,) = answer["computeEnvironments"]
    return dict(found)


def image_status(testbed: Testbed, name: str) -> str | None:
    (entry,) = described(testbed, name)["computeResources"]["ec2Configuration"]
    status: str | None = entry.get("batchImageStatus")
    return status


def running(testbed: Testbed, environment: str, script: str) -> str:
    job = testbed.submit(script, jobQueue=testbed.queue(environment))
    testbed.wait(job, "RUNNING")
    return job


def change(testbed: Testbed, name: str, **resources: Any) -> None:
    testbed.batch.update_compute_environment(computeEnvironment=name, computeResources=resources)


def test_an_environment_is_updating_while_the_jobs_go_on_that_ran_before(testbed: Testbed) -> None:
    """New jobs start on the new instances meanwhile.

    https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html
    """
    gate, name = Gate(), testbed.environment()
    old = running(testbed, name, gate.script)
    change(testbed, name, instanceTypes=["c6i"])
    assert described(testbed, name)["status"] == "UPDATING"
    queue = testbed.describe(old)["jobQueue"]
    assert testbed.run(jobQueue=queue)["status"] == "SUCCEEDED"
    assert described(testbed, name)["status"] == "UPDATING"
    gate.open()
    testbed.wait(old)

    assert described(testbed, name)["status"] == "VALID"


def test_an_idle_environment_is_updated_at_once(testbed: Testbed) -> None:
    """Ours: on AWS it takes minutes, of which nothing depends."""
    name = testbed.environment()
    change(testbed, name, instanceTypes=["c6i"])

    assert described(testbed, name)["status"] == "VALID"


def test_scaling_is_no_infrastructure_update(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/scaling-updates.html."""
    gate, name = Gate(), testbed.environment()
    job = running(testbed, name, gate.script)
    change(testbed, name, maxvCpus=32)
    assert described(testbed, name)["status"] == "VALID"
    gate.open()
    testbed.wait(job)


def test_an_environment_that_is_updating_takes_no_further_change(testbed: Testbed) -> None:
    """AWS's words; https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateComputeEnvironment.html."""
    gate, name = Gate(), testbed.environment()
    job = running(testbed, name, gate.script)
    change(testbed, name, instanceTypes=["c6i"])
    with pytest.raises(ClientError, match="Cannot update, resource is being modified"):
        change(testbed, name, maxvCpus=8)
    with pytest.raises(ClientError, match="Cannot delete, resource is being modified"):
        testbed.batch.delete_compute_environment(computeEnvironment=name)
    gate.open()
    testbed.wait(job)

    change(testbed, name, maxvCpus=8)


def test_jobs_lose_their_instance_when_the_update_has_waited_long_enough(
    testbed: Testbed, minute: Any
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdatePolicy.html."""
    minute(0.05)
    name = testbed.environment()
    job = running(testbed, name, "sleep 600")
    policy = {"jobExecutionTimeoutMinutes": 2, "terminateJobsOnUpdate": False}
    testbed.batch.update_compute_environment(
        computeEnvironment=name, updatePolicy=policy, computeResources={"instanceTypes": ["c6i"]}
    )

    assert testbed.wait(job)["statusReason"].startswith("Host EC2 (instance ")
    assert described(testbed, name)["status"] == "VALID"


def test_an_update_policy_can_end_jobs_at_once(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdatePolicy.html."""
    name = testbed.environment()
    job = running(testbed, name, "sleep 600")
    testbed.batch.update_compute_environment(
        computeEnvironment=name,
        updatePolicy={"terminateJobsOnUpdate": True},
        computeResources={"instanceTypes": ["c6i"]},
    )

    assert testbed.wait(job)["statusReason"].startswith("Host EC2 (instance ")


def test_the_ami_stays_until_the_newest_is_asked_for(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/managing-ami-versions.html."""
    name = testbed.environment(ec2Configuration=AL2023)
    assert image_status(testbed, name) is None
    testbed.wait(testbed.submit(jobQueue=testbed.queue(name)))
    assert image_status(testbed, name) == "LATEST"
    local_batch.publish_images()
    assert image_status(testbed, name) == "UPDATE_AVAILABLE"
    change(testbed, name, instanceTypes=["c6i"])
    assert image_status(testbed, name) == "UPDATE_AVAILABLE"
    change(testbed, name, updateToLatestImageVersion=True)

    assert image_status(testbed, name) == "LATEST"


def test_an_ami_of_ones_own_has_no_status(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html."""
    own = [{"imageType": "ECS_AL2023", "imageIdOverride": "ami-0123456789abcdef0"}]
    name = testbed.environment(ec2Configuration=own)
    testbed.wait(testbed.submit(jobQueue=testbed.queue(name)))

    assert image_status(testbed, name) is None


@pytest.mark.parametrize(("types", "images", "runs"), [
    (["g5"], AL2023, False),
    (["g5"], [{"imageType": "ECS_AL2023_NVIDIA"}], True),
    (["g5"], [], True),
    (["g5g"], [{"imageType": "ECS_AL2023_NVIDIA"}], False),
    (["p3dn"], [{"imageType": "ECS_AL2023_NVIDIA"}], False),
    (["m6i"], [{"imageType": "ECS_AL2023_NVIDIA"}], False),
])  # fmt: skip
def test_a_job_gets_a_gpu_only_where_the_ami_has_its_drivers(
    testbed: Testbed, types: list[str], images: list[Any], runs: bool
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/batch-gpu-ami.html."""
    name = testbed.environment(instanceTypes=types, ec2Configuration=images)
    environment = testbed.inside.state.compute_environment(name)

    assert environment.could_hold(Demand(vcpus=1, memory_mib=64, gpus=1)) is runs


@pytest.mark.parametrize(("image", "reason"), [
    ("docker://quay.io/foo/bar:1", "invalid reference format"),
    ("Quay.io/Foo/Bar:1", "invalid reference format: repository name (Foo/Bar) must be lowercase"),
    ("quay.io/foo/bar:", "invalid reference format"),
    ("quay.io//bar", "invalid reference format"),
])  # fmt: skip
def test_what_is_no_name_of_an_image_cannot_be_pulled(
    testbed: Testbed, image: str, reason: str
) -> None:
    """https://github.com/nextflow-io/nextflow/issues/1537."""
    ended = testbed.run(jobDefinition=testbed.definition(container={"image": image}))

    assert ended["status"] == "FAILED"
    assert ended["container"]["reason"] == (
        f"CannotPullContainerError: Error response from daemon: {reason}"
    )


@pytest.mark.parametrize("image", [
    "quay.io/foo/bar:1.0--h1_0",
    "localhost:5000/a_b/c__d/e.f:V1",
    "Registry.Example.org/foo",
    f"ubuntu@sha256:{'0' * 64}",
])  # fmt: skip
def test_names_of_images_are_read_as_docker_reads_them(testbed: Testbed, image: str) -> None:
    """https://github.com/distribution/reference/blob/main/reference.go."""
    assert (
        testbed.run(jobDefinition=testbed.definition(container={"image": image}))["status"]
        == "SUCCEEDED"
    )


def environment(testbed: Testbed, **change: Any) -> dict[str, Any]:
    names = ("instanceRole", "securityGroupIds", "subnets")
    resources = {f"{name[0].upper()}{name[1:]}": testbed.resources[name] for name in names} | {
        "AllocationStrategy": "BEST_FIT_PROGRESSIVE",
        "InstanceTypes": ["m6i"],
        "MaxvCpus": 16,
        "Type": "EC2",
    }
    policy = {"JobExecutionTimeoutMinutes": 600}
    return {
        "E": resource(
            "Batch::ComputeEnvironment",
            {
                "ComputeResources": resources | change,
                "ReplaceComputeEnvironment": False,
                "Type": "MANAGED",
                "UpdatePolicy": policy,
            },
        )
    }


def test_cloudformation_waits_for_the_jobs_of_an_update(
    testbed: Testbed, stack: Stack, minute: Any
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/infrastructure-updates.html."""
    minute(1)
    stack.create(environment(testbed))
    job = running(testbed, stack.ids()["E"], "sleep 0.5")

    assert stack.update(environment(testbed, InstanceTypes=["c6i"])) == "UPDATE_COMPLETE"
    assert testbed.describe(job)["status"] == "SUCCEEDED"


def test_cloudformation_gives_up_and_cannot_roll_back_what_is_still_updating(
    testbed: Testbed, stack: Stack, minute: Any
) -> None:
    """A handler has 120 minutes, where its type does not say more, as this one does not.

    https://github.com/aws-cloudformation/cloudformation-cli/blob/master/src/rpdk/core/data/schema/provider.definition.schema.v1.json
    """
    minute(0.005)
    gate = Gate()
    stack.create(environment(testbed))
    job = running(testbed, stack.ids()["E"], gate.script)

    assert stack.update(environment(testbed, InstanceTypes=["c6i"])) == "UPDATE_ROLLBACK_FAILED"
    assert "did not stabilize" in stack.events("UPDATE_FAILED")[0][2]
    assert "resource is being modified" in stack.events("UPDATE_FAILED")[1][2]
    gate.open()
    testbed.wait(job)
