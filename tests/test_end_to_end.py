"""The whole path: the real cdk CLI deploys the workshop onto the local AWS, and hello runs there.

With access control: the CLI has the roles of the CDK's bootstrap, and each container its own.

Each row of the workshop's table is asked for again by a call on the deployment. With a
Docker engine the head image is built and jobs are containers; without, jobs are processes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from email import message_from_string
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.cdk import Cdk, CdkError
from local_aws.demo import capabilities
from local_aws.demo.__main__ import SUBMISSION, SUBMIT
from local_aws.demo.jobs import Jobs, Outcome
from local_aws.server import LocalAws
from stacks import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
_WORKSHOP = {"settings": "workshop"}


@dataclass(frozen=True)
class Deployed:
    """A deployment and the app that it came from."""

    aws: LocalAws
    cdk: Cdk
    app: Path
    is_docker: bool
    rehearsed: list[str]

    def ask(self, command: str) -> Any:
        """Ask with the real AWS CLI."""
        answer = subprocess.run(
            command.split(),
            env={**self.aws.environment(), "PATH": _path()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout) if answer.stdout else None

    @property
    def bucket(self) -> str:
        stacks = self.ask("aws cloudformation describe-stacks --stack-name nextflow-workshop-data")
        outputs = stacks["Stacks"][0]["Outputs"]
        return str(next(e["OutputValue"] for e in outputs if e["OutputKey"] == "Bucket"))


def _path() -> str:
    return os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    app = tmp_path_factory.mktemp("app")
    for name in ("app.py", "cdk.json", "stacks", "settings", "docker", "assets"):
        source = paths.ROOT / name
        if source.is_dir():
            shutil.copytree(source, app / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, app / name)
    (app / "build").symlink_to(paths.ROOT / "build")  # the workers' programs in Go, built once
    directory = paths.ROOT / "build" / "end-to-end"
    shutil.rmtree(directory / "state", ignore_errors=True)
    found = capabilities.find(directory, lambda _: None)
    state = directory / "state"
    runner = found.make_runner(state)
    with LocalAws(runner=runner, state_dir=state, access_control=True) as aws:
        cdk = Cdk(aws, app, environment=found.build_arguments)
        cdk.bootstrap()
        cdk.deploy(context=_WORKSHOP)
        yield Deployed(aws, cdk, app, found.is_docker, found.rehearsed)


@dataclass(frozen=True)
class Iam:
    """What the deployment's roles may do.

    Attributes:
        roles: The batch stack's roles as IAM describes them.
        policies: The default versions' statements by their Sid, by the policy's ARN.
    """

    roles: list[dict[str, Any]]
    policies: dict[str, dict[str, Any]]

    def policy(self, part: str) -> dict[str, Any]:
        """The statements of the one policy with this in its name."""
        (found,) = [policy for arn, policy in self.policies.items() if part in arn]
        return found


@pytest.fixture(scope="module")
def iam(deployed: Deployed) -> Iam:
    found = deployed.ask(
        "aws iam get-account-authorization-details --filter Role LocalManagedPolicy"
    )
    roles = found["RoleDetailList"]
    return Iam(
        [role for role in roles if role["RoleName"].startswith("nextflow-workshop-batch")],
        {
            policy["Arn"]: {entry["Sid"]: entry for entry in version["Document"]["Statement"]}
            for policy in found["Policies"]
            for version in policy["PolicyVersionList"]
            if version["IsDefaultVersion"]
        },
    )


@pytest.fixture(scope="module")
def hello(deployed: Deployed) -> Outcome:
    job = deployed.ask(SUBMIT)["jobId"]
    jobs = Jobs(deployed.aws)
    for _ in jobs.follow(job):
        pass
    return jobs.outcome(job)


def test_the_compute_environments_are_the_workshops(deployed: Deployed) -> None:
    found = deployed.ask("aws batch describe-compute-environments")["computeEnvironments"]
    resources = {
        entry["computeResources"]["tags"]["Name"]: entry["computeResources"] for entry in found
    }

    assert {entry["type"] for entry in found} == {"MANAGED"}
    assert {entry["status"] for entry in found} == {"VALID"}
    assert {name: entry["type"] for name, entry in resources.items()} == {
        "batch-ondemand-worker": "EC2",
        "batch-spot-worker": "SPOT",
    }
    assert resources["batch-spot-worker"]["bidPercentage"] == 100
    for entry in resources.values():
        assert (entry["minvCpus"], entry["desiredvCpus"], entry["maxvCpus"]) == (0, 0, 256)
        assert entry["instanceTypes"] == ["optimal"]
        assert entry["ec2Configuration"][0]["imageType"] == "ECS_AL2023"
    (template,) = deployed.ask("aws ec2 describe-launch-templates")["LaunchTemplates"]
    assert {entry["launchTemplate"]["launchTemplateId"] for entry in resources.values()} == {
        template["LaunchTemplateId"]
    }


def test_the_queues_prefer_what_the_workshops_prefer(deployed: Deployed) -> None:
    environments = deployed.ask("aws batch describe-compute-environments")["computeEnvironments"]
    names = {
        entry["computeEnvironmentArn"]: entry["computeResources"]["tags"]["Name"]
        for entry in environments
    }
    queues = deployed.ask("aws batch describe-job-queues")["jobQueues"]

    found = {
        queue["jobQueueName"]: (
            queue["priority"],
            [
                names[entry["computeEnvironment"]]
                for entry in sorted(queue["computeEnvironmentOrder"], key=lambda e: int(e["order"]))
            ],
        )
        for queue in queues
    }
    assert found == {
        "default": (1, ["batch-spot-worker", "batch-ondemand-worker"]),
        "highpriority": (100, ["batch-ondemand-worker", "batch-spot-worker"]),
    }


def test_the_job_definition_is_the_workshops(deployed: Deployed) -> None:
    (definition,) = deployed.ask(
        "aws batch describe-job-definitions --job-definition-name nextflow --status ACTIVE"
    )["jobDefinitions"]
    container = definition["containerProperties"]
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    queue = deployed.ask("aws batch describe-job-queues --job-queues default")["jobQueues"][0]

    assert definition["retryStrategy"]["attempts"] == 5
    assert {e["type"]: e["value"] for e in container["resourceRequirements"]} == {
        "VCPU": "2",
        "MEMORY": "1024",
    }
    assert environment["NF_LOGSDIR"] == f"s3://{deployed.bucket}/_nextflow/logs"
    assert environment["NF_WORKDIR"] == f"s3://{deployed.bucket}/_nextflow/runs"
    assert environment["NF_JOB_QUEUE"] == queue["jobQueueArn"]
    assert environment["AWS_REGION"] == "us-west-2"
    assert "-HeadRole" in container["jobRoleArn"]
    assert container["image"].startswith("123456789012.dkr.ecr.us-west-2.amazonaws.com/cdk-")
    assert container["readonlyRootFilesystem"] is True


def test_the_bucket_is_private_and_encrypted(deployed: Deployed) -> None:
    bucket = deployed.bucket
    block = deployed.ask(f"aws s3api get-public-access-block --bucket {bucket}")
    encryption = deployed.ask(f"aws s3api get-bucket-encryption --bucket {bucket}")
    policy = deployed.ask(f"aws s3api get-bucket-policy --bucket {bucket}")

    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in str(encryption)
    assert "aws:SecureTransport" in policy["Policy"]


def test_the_launch_template_is_al2023s_with_a_growing_scratch_disk(deployed: Deployed) -> None:
    (template,) = deployed.ask("aws ec2 describe-launch-templates")["LaunchTemplates"]
    (version,) = deployed.ask(
        "aws ec2 describe-launch-template-versions --versions $Latest --launch-template-id "
        + template["LaunchTemplateId"]
    )["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]

    user_data = message_from_string(base64.b64decode(data["UserData"]).decode())

    disks = {device["DeviceName"]: device["Ebs"] for device in data["BlockDeviceMappings"]}
    assert list(disks) == ["/dev/xvda", "/dev/xvdba"]
    for disk in disks.values():
        assert (disk["VolumeType"], disk["Encrypted"]) == ("gp3", True)
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert user_data.get_content_type() == "multipart/mixed"
    assert {part.get_content_type() for part in user_data.walk()} >= {
        "text/cloud-boothook",
        "text/x-shellscript",
    }
    assert "/dev/xvdba" in str(user_data)


def test_the_roles_are_the_workshops(deployed: Deployed, iam: Iam) -> None:
    found: dict[str, set[str]] = {}
    for role in iam.roles:
        service = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        attached = {policy["PolicyName"] for policy in role["AttachedManagedPolicies"]}
        found[service] = found.get(service, set()) | attached
    profiles = {
        profile["Arn"]: role["RoleName"]
        for role in iam.roles
        for profile in role["InstanceProfileList"]
    }

    flow_logs = "vpc-flow-logs.amazonaws.com"
    assert set(found) - {flow_logs} == {
        "batch.amazonaws.com",
        "ec2.amazonaws.com",
        "ecs-tasks.amazonaws.com",
    }
    assert found["batch.amazonaws.com"] == {"AWSBatchServiceRole"}
    for part in ("AgentAccess", "ClusterAccess", "ScratchAccess", "WorkerAccess"):
        assert any(part in name for name in found["ec2.amazonaws.com"]), part
    for part in ("HeadAccess", "TaskAccess", "BatchAccess"):
        assert any(part in name for name in found["ecs-tasks.amazonaws.com"]), part
    assert set(profiles) == {
        environment["instanceRole"] for environment in _environments(deployed).values()
    }
    assert all("WorkerRole" in role for role in profiles.values())


def test_the_policies_allow_the_bucket_and_the_1000_genomes(deployed: Deployed, iam: Iam) -> None:
    bucket = f"arn:aws:s3:::{deployed.bucket}"
    for part in ("HeadAccess", "TaskAccess"):
        policy = iam.policy(part)

        assert policy["ListBucket"]["Resource"] == bucket
        assert policy["ReadObjects"]["Resource"] == f"{bucket}/*"
        assert policy["ReadObjects"]["Action"] == "s3:GetObject"
        assert policy["ListReferenceBuckets"]["Resource"] == "arn:aws:s3:::1000genomes"
        assert policy["ReadReferences"]["Resource"] == "arn:aws:s3:::1000genomes/*"
        assert policy["ReadReferences"]["Action"] == "s3:GetObject"
        assert ("s3:DeleteObject" in str(policy)) == (part == "HeadAccess")
    written = iam.policy("TaskAccess")["WriteWorkFiles"]["Resource"]
    assert written == f"{bucket}/_nextflow/runs/*/work/*"


def test_the_policies_allow_the_scratch_disk_and_nextflows_calls(iam: Iam) -> None:
    scratch, batch = iam.policy("ScratchAccess"), iam.policy("BatchAccess")
    allowed = {
        action
        for entry in scratch.values()
        for action in ([entry["Action"]] if isinstance(entry["Action"], str) else entry["Action"])
    }

    assert {
        "ec2:AttachVolume",
        "ec2:CreateVolume",
        "ec2:DeleteVolume",
        "ec2:DescribeVolumes",
        "ec2:ModifyInstanceAttribute",
    } <= allowed
    assert batch["SubmitTasks"]["Action"] == "batch:SubmitJob"
    for queue in ("default", "highpriority"):
        arn = f"arn:aws:batch:us-west-2:123456789012:job-queue/{queue}"
        assert arn in batch["SubmitTasks"]["Resource"]
    assert batch["RegisterTaskDefinitions"]["Action"] == "batch:RegisterJobDefinition"
    assert "batch:DescribeJobs" in batch["WatchTasks"]["Action"]


def test_the_vpc_is_our_own(deployed: Deployed) -> None:
    (vpc,) = deployed.ask(
        "aws ec2 describe-vpcs --filters Name=tag:nextflow-batch:deployment,Values=workshop"
    )["Vpcs"]
    subnets = deployed.ask(f"aws ec2 describe-subnets --filters Name=vpc-id,Values={vpc['VpcId']}")[
        "Subnets"
    ]

    assert {subnet["AvailabilityZone"] for subnet in subnets} == {
        "us-west-2a",
        "us-west-2b",
        "us-west-2c",
    }
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert deployed.ask("aws ec2 describe-nat-gateways")["NatGateways"] == []
    used = [set(entry["subnets"]) for entry in _environments(deployed).values()]
    assert used == [{subnet["SubnetId"] for subnet in subnets}] * 2


def test_the_image_is_in_the_engine_under_a_name_that_no_other_aws_has(deployed: Deployed) -> None:
    if not deployed.is_docker:
        pytest.skip("no Docker engine answers, so no image is built")
    (definition,) = deployed.ask("aws batch describe-job-definitions --status ACTIVE")[
        "jobDefinitions"
    ][:1]
    name = definition["containerProperties"]["image"]

    def docker(*arguments: str) -> list[str]:
        command = ["docker", "image", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    images = docker("ls", "--format", "{{.Repository}}:{{.Tag}}")
    assert name not in images, "a deploy to AWS would push it"
    marked = [image for image in images if re.fullmatch(rf"local-aws-\w+-{re.escape(name)}", image)]
    assert marked
    form = "{{json .Config.Entrypoint}} {{.Config.User}}"
    assert set(docker("inspect", "--format", form, *marked)) == {'["nextflow-head"] 1000'}


def test_hello_succeeds_as_the_workshop_submits_it(hello: Outcome) -> None:
    assert hello.state == "SUCCEEDED", hello.log
    greetings = {line for line in hello.log if line.endswith("world!")}
    assert greetings == {"Bonjour world!", "Ciao world!", "Hello world!", "Hola world!"}


def test_the_demo_submits_the_same(deployed: Deployed, hello: Outcome) -> None:
    found = deployed.aws.client("batch").list_jobs(
        jobQueue="default", filters=[{"name": "JOB_NAME", "values": [SUBMISSION["jobName"]]}]
    )["jobSummaryList"]
    (job,) = deployed.aws.client("batch").describe_jobs(jobs=[found[0]["jobId"]])["jobs"]
    submitted = {
        "jobName": job["jobName"],
        "jobQueue": job["jobQueue"].rpartition("/")[2],
        "jobDefinition": job["jobDefinition"].rpartition("/")[2].partition(":")[0],
        "containerOverrides": {"command": job["container"]["command"]},
    }

    assert submitted == SUBMISSION


def test_hello_is_five_jobs(deployed: Deployed, hello: Outcome) -> None:
    assert hello.state == "SUCCEEDED"
    summaries = deployed.ask("aws batch list-jobs --job-queue default --job-status SUCCEEDED")
    names = [entry["jobName"] for entry in summaries["jobSummaryList"]]

    assert len(names) == 5
    assert names.count("nf-hello") == 1


def test_hello_leaves_logs_reports_and_work_in_the_bucket(
    deployed: Deployed, hello: Outcome
) -> None:
    assert hello.state == "SUCCEEDED"
    listed = deployed.ask(f"aws s3api list-objects-v2 --bucket {deployed.bucket}")["Contents"]
    keys = [entry["Key"] for entry in listed]

    logs = {key.rsplit("/", 1)[1] for key in keys if key.startswith("_nextflow/logs/")}
    assert ".nextflow.log" in logs
    for reason in deployed.rehearsed:
        if reason.startswith("Nextflow itself"):
            pytest.skip(reason)
    assert {"report.html", "timeline.html", "trace.txt", "dag.html"} <= logs
    work = [key for key in keys if key.startswith("_nextflow/runs/")]
    assert len([key for key in work if key.endswith("/.exitcode")]) == 4


def test_no_role_was_denied_anything(deployed: Deployed, hello: Outcome) -> None:
    assert hello.state == "SUCCEEDED"
    control = deployed.aws.access_control
    assert control is not None
    roles = {call.role.rpartition("/")[2] for call in control.recorded}

    for part in ("HeadRole", "HeadTaskRole", "WorkerRole", "deploy-role", "file-publishing-role"):
        assert any(part in role for role in roles), part
    assert control.denials == []


def test_nfbatch_finds_the_deployment_and_runs_hello(deployed: Deployed) -> None:
    done = subprocess.run(
        ["nfbatch", "launch", "--json", "--follow", "hello"],
        env={**deployed.aws.environment(), "PATH": _path()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["deployment"], run["queue"]) == ("workshop", "default")
    assert "Bonjour world!" in done.stderr.splitlines()


def test_nothing_differs_after_a_deploy(deployed: Deployed) -> None:
    difference = deployed.cdk.diff(context=_WORKSHOP)

    assert not difference.any, difference.text


def test_bad_settings_deploy_nothing(deployed: Deployed) -> None:
    bad = deployed.app / "settings" / "bad.yaml"
    bad.write_text("deployment: bad\n")

    with pytest.raises(CdkError) as refused:
        deployed.cdk.deploy(context={"settings": "bad"})

    assert "settings/bad.yaml:1: compute_environments: is missing" in refused.value.output
    assert "Traceback" not in refused.value.output
    stacks = deployed.ask("aws cloudformation list-stacks")["StackSummaries"]
    assert not any(entry["StackName"].startswith("nextflow-bad") for entry in stacks)


def test_one_changed_setting_changes_what_it_means_and_nothing_else(deployed: Deployed) -> None:
    """What a reviewer reads in `cdk diff`, and what the deploy then does."""
    file = deployed.app / "settings" / "workshop.yaml"
    unchanged = file.read_text()
    file.write_text(
        unchanged.replace("bid_percentage: 100", "bid_percentage: 100\n    max_vcpus: 512")
    )
    before = _environments(deployed)

    difference = deployed.cdk.diff(context=_WORKSHOP)
    changed = [line for line in difference.text.splitlines() if "AWS::" in line and "[" in line]
    deployed.cdk.deploy(context=_WORKSHOP)
    after = _environments(deployed)

    assert len(changed) == 1, difference.text
    assert "AWS::Batch::ComputeEnvironment" in changed[0]
    assert "MaxvCpus" in difference.text
    assert after["batch-spot-worker"]["maxvCpus"] == 512
    assert after["batch-ondemand-worker"] == before["batch-ondemand-worker"]


def _environments(deployed: Deployed) -> dict[str, Any]:
    found = deployed.ask("aws batch describe-compute-environments")["computeEnvironments"]
    return {entry["computeResources"]["tags"]["Name"]: entry["computeResources"] for entry in found}


def test_a_changed_worker_reaches_the_compute_environments(deployed: Deployed) -> None:
    file = deployed.app / "settings" / "workshop.yaml"
    file.write_text(file.read_text() + "\nscratch:\n  size_gib: 200\n")
    before = _environments(deployed)["batch-spot-worker"]["launchTemplate"]["version"]

    deployed.cdk.deploy(context=_WORKSHOP)

    after = _environments(deployed)["batch-spot-worker"]["launchTemplate"]["version"]
    assert int(after) == int(before) + 1


def test_destroy_leaves_the_data_and_nothing_else(deployed: Deployed) -> None:
    bucket = deployed.bucket

    deployed.cdk.destroy(context=_WORKSHOP)

    stacks = deployed.ask("aws cloudformation describe-stacks")["Stacks"]
    assert [entry["StackName"] for entry in stacks] == ["CDKToolkit"]
    assert deployed.ask("aws batch describe-compute-environments")["computeEnvironments"] == []
    assert deployed.ask("aws batch describe-job-queues")["jobQueues"] == []
    buckets = [entry["Name"] for entry in deployed.ask("aws s3api list-buckets")["Buckets"]]
    assert bucket in buckets


def test_an_existing_bucket_and_vpc_are_used(deployed: Deployed) -> None:
    """What those rows of the table choose where the account has both already."""
    where = "--create-bucket-configuration LocationConstraint=us-west-2"
    deployed.ask(f"aws s3api create-bucket --bucket of-the-lab {where}")
    subnets = deployed.ask("aws ec2 describe-subnets")["Subnets"][:2]
    named = [f"{{id: {e['SubnetId']}, zone: {e['AvailabilityZone']}}}" for e in subnets]
    (deployed.app / "settings" / "lab.yaml").write_text(
        "deployment: lab\n"
        "storage: {existing_bucket: of-the-lab}\n"
        f"network: {{existing: {{vpc_id: {subnets[0]['VpcId']}, subnets: [{', '.join(named)}]}}}}\n"
        "compute_environments: {spot: {purchase: spot}}\n"
        "queues: {default: {priority: 1, compute_environments: [spot]}}\n"
    )

    deployed.cdk.deploy(context={"settings": "lab"})

    (definition,) = deployed.ask(
        "aws batch describe-job-definitions --job-definition-name lab-nextflow --status ACTIVE"
    )["jobDefinitions"]
    environment = definition["containerProperties"]["environment"]
    assert {"name": "NF_LOGSDIR", "value": "s3://of-the-lab/_nextflow/logs"} in environment
    (found,) = deployed.ask("aws batch describe-compute-environments")["computeEnvironments"]
    assert found["computeResources"]["subnets"] == [entry["SubnetId"] for entry in subnets]
    buckets = deployed.ask("aws s3api list-buckets")["Buckets"]
    assert not [entry["Name"] for entry in buckets if entry["Name"].startswith("nextflow-lab")]
