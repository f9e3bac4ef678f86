"""The local AWS with access control: what a role's credentials reach, and how it says no."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws.batch import credentials
from local_aws.batch.place import Place
from local_aws.batch.process_runner import ProcessRunner
from local_aws.server import LocalAws
from tests.support.local_aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    folder = tmp_path_factory.mktemp("aws")
    runner = ProcessRunner(folder / "worker")
    with LocalAws(runner=runner, state_dir=folder, access_control=True) as made:
        made.client("s3").create_bucket(
            Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        made.client("s3").put_object(Bucket="bucket", Key="raw/a", Body=b"raw")
        yield made


class Role:
    """A role with one policy, and clients with its credentials."""

    def __init__(self, aws: LocalAws, name: str, *entries: dict[str, Any], **more: Any) -> None:
        self.aws = aws
        self.arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        iam = aws.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(TRUST), **more)
        self.name = name
        if entries:
            self.allow(*entries)
        answer = credentials.answer(credentials.grant(Place(ACCOUNT, REGION), self.arn, "task"))
        assert answer is not None
        self.keys = {
            "aws_access_key_id": answer["AccessKeyId"],
            "aws_secret_access_key": answer["SecretAccessKey"],
            "aws_session_token": answer["Token"],
        }

    def allow(self, *entries: dict[str, Any]) -> None:
        """Put the policy, in place of the one before."""
        text = document(*({"Effect": "Allow", **entry} for entry in entries))
        self.aws.client("iam").put_role_policy(
            RoleName=self.name, PolicyName="own", PolicyDocument=text
        )

    def client(self, service: str) -> Any:
        """A client with this role's credentials."""
        return client(self.aws, service, **self.keys)


def document(*entries: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(entries)})


def client(aws: LocalAws, service: str, signature_version: Any = None, **keys: str) -> Any:
    session: Any = boto3.session.Session()
    config = Config(retries={"total_max_attempts": 1}, signature_version=signature_version)
    return session.client(
        service, region_name=REGION, endpoint_url=aws.endpoint, config=config, **keys
    )


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    answer = error.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_role_reads_what_its_policy_allows_and_s3_says_why_not_more(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html."""
    role = Role(aws, "reader", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/raw/*"})
    s3 = role.client("s3")

    assert s3.get_object(Bucket="bucket", Key="raw/a")["Body"].read() == b"raw"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="raw/a", Body=b"mine")
    assert refused(error) == (
        403,
        "AccessDenied",
        f"User: {SESSION}/reader/task is not authorized to perform: s3:PutObject on resource: "
        '"arn:aws:s3:::bucket/raw/a" because no identity-based policy allows the s3:PutObject '
        "action",
    )
    assert aws.client("s3").get_object(Bucket="bucket", Key="raw/a")["Body"].read() == b"raw"


def test_listing_is_limited_by_prefix(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html."""
    role = Role(
        aws,
        "lister",
        {
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::bucket",
            "Condition": {"StringLike": {"s3:prefix": "raw/*"}},
        },
    )
    s3 = role.client("s3")

    assert s3.list_objects_v2(Bucket="bucket", Prefix="raw/")["KeyCount"] == 1
    for prefix in ({}, {"Prefix": "work/"}):
        with pytest.raises(ClientError):
            s3.list_objects_v2(Bucket="bucket", **prefix)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket="bucket")


@pytest.mark.parametrize(
    ("action", "call", "more"),
    [
        ("s3:GetObject", "get_object", {"Key": "a b/ü?#%&+é"}),
        ("s3:GetObject", "head_object", {"Key": "a"}),
        ("s3:GetObjectTagging", "get_object_tagging", {"Key": "a"}),
        ("s3:GetObjectVersion", "get_object", {"Key": "a", "VersionId": "1"}),
        ("s3:DeleteObject", "delete_object", {"Key": "a"}),
        ("s3:DeleteObject", "delete_objects", {"Delete": {"Objects": [{"Key": "x/y"}]}}),
        ("s3:PutObject", "create_multipart_upload", {"Key": "a"}),
        ("s3:PutObject", "upload_part", {"Key": "a", "UploadId": "u", "PartNumber": 1}),
        ("s3:PutObject", "complete_multipart_upload", {"Key": "a", "UploadId": "u"}),
        ("s3:AbortMultipartUpload", "abort_multipart_upload", {"Key": "a", "UploadId": "u"}),
        ("s3:ListMultipartUploadParts", "list_parts", {"Key": "a", "UploadId": "u"}),
        ("s3:GetObject", "copy_object", {"Key": "a", "CopySource": "bucket/from"}),
        ("s3:PutObjectTagging", "put_object_tagging", {"Key": "a", "Tagging": {"TagSet": []}}),
        ("s3:GetBucketLocation", "get_bucket_location", {}),
        ("s3:ListBucket", "list_objects", {}),
        ("s3:ListBucket", "head_bucket", {}),
        ("s3:ListBucketVersions", "list_object_versions", {}),
        ("s3:PutBucketPolicy", "put_bucket_policy", {"Policy": "{}"}),
    ],
)
def test_each_call_of_s3_is_known_by_its_action(
    aws: LocalAws, action: str, call: str, more: dict[str, Any]
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html."""
    role = Role(aws, f"no-{call}-{len(more)}-{len(str(more))}")
    before = set(aws.access_control.recorded)  # type: ignore[union-attr]

    with pytest.raises(ClientError):
        getattr(role.client("s3"), call)(Bucket="bucket", **more)

    (found,) = set(aws.access_control.recorded) - before  # type: ignore[union-attr]
    key = {"copy_object": "from", "delete_objects": "x/y"}.get(call, more.get("Key"))
    place = f"bucket/{key}" if key else "bucket"
    assert (found.role, found.action, found.resource) == (role.arn, action, f"arn:aws:s3:::{place}")
    assert found.denied


def test_an_encrypted_bucket_needs_its_key_too(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html."""
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="sealed", CreateBucketConfiguration={"LocationConstraint": REGION})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="sealed",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )
    objects = {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::sealed/*"}
    use = {
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": key,
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}},
    }
    role = Role(aws, "sealer", objects)

    with pytest.raises(ClientError) as error:
        role.client("s3").put_object(Bucket="sealed", Key="a", Body=b"x")
    assert f"kms:GenerateDataKey on resource: {key}" in refused(error)[2]
    role.allow(objects, use)
    role.client("s3").put_object(Bucket="sealed", Key="a", Body=b"x")
    assert role.client("s3").get_object(Bucket="sealed", Key="a")["Body"].read() == b"x"


def test_a_bucket_policy_counts_with_its_conditions(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="policed", CreateBucketConfiguration={"LocationConstraint": REGION})
    common = {"Effect": "Deny", "Principal": "*", "Resource": "arn:aws:s3:::policed/*"}
    s3.put_bucket_policy(
        Bucket="policed",
        Policy=document(
            {**common, "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {**common, "Action": "*", "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}},
            {
                **common,
                "Action": "s3:PutObject",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
            },
        ),
    )
    role = Role(aws, "policed", {"Action": "s3:*", "Resource": "*"})

    with pytest.raises(ClientError) as error:
        role.client("s3").put_object(Bucket="policed", Key="a", Body=b"")
    assert "with an explicit deny in a resource-based policy" in refused(error)[2]
    role.client("s3").put_object(Bucket="policed", Key="a", Body=b"", ServerSideEncryption="AES256")


def test_a_deleted_object_of_a_versioned_bucket_is_missing(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="a", Body=b"x")
    s3.delete_object(Bucket="kept", Key="a")
    role = Role(aws, "finder", {"Action": "s3:*", "Resource": "arn:aws:s3:::kept/*"})

    with pytest.raises(ClientError) as error:
        role.client("s3").get_object(Bucket="kept", Key="a")
    assert refused(error)[:2] == (404, "NoSuchKey")


def test_registering_a_definition_needs_its_role_to_be_passed(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html."""
    task = Role(aws, "passed")
    definitions = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/nf-*"
    register = {"Action": "batch:RegisterJobDefinition", "Resource": definitions}
    head = Role(aws, "passing", register)
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}]

    def attempt(name: str = "nf-a", **more: Any) -> None:
        properties = {"image": "i", "resourceRequirements": needs, "jobRoleArn": task.arn}
        head.client("batch").register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={**properties, **more},
        )

    with pytest.raises(ClientError) as error:
        attempt()
    status, code, message = refused(error)
    assert (status, code) == (403, "AccessDeniedException")
    assert f"iam:PassRole on resource: {task.arn} because no identity-based policy" in message
    passing = {
        "Action": "iam:PassRole",
        "Resource": task.arn,
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    }
    unprivileged = {
        **register,
        "Effect": "Deny",
        "Condition": {"Bool": {"batch:Privileged": "true"}},
    }
    head.allow(register, passing, unprivileged)
    attempt()
    for wrong in ({"name": "other"}, {"privileged": True}):
        with pytest.raises(ClientError):
            attempt(**wrong)


def test_ec2_refuses_in_its_own_words_also_on_a_dry_run(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html."""
    volumes = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/*"
    tagged = {"StringEquals": {"aws:RequestTag/team": "lab"}}
    creation = {"StringEquals": {"ec2:CreateAction": "CreateVolume"}}
    role = Role(
        aws,
        "disks",
        {"Action": "ec2:CreateVolume", "Resource": volumes, "Condition": tagged},
        {"Action": "ec2:CreateTags", "Resource": volumes, "Condition": creation},
    )

    def create(team: str) -> None:
        tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": team}]}]
        role.client("ec2").create_volume(
            AvailabilityZone="us-west-2a", Size=1, TagSpecifications=tags, DryRun=True
        )

    with pytest.raises(ClientError) as error:
        create("lab")
    assert refused(error)[1] == "DryRunOperation"
    with pytest.raises(ClientError) as error:
        create("other")
    status, code, message = refused(error)
    assert (status, code) == (403, "UnauthorizedOperation")
    assert message.startswith("You are not authorized to perform this operation. User: arn:aws:sts")
    assert f"ec2:CreateVolume on resource: {volumes} because" in message


def test_the_tags_that_a_volume_has_decide(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html."""
    tagged = {"StringEquals": {"aws:ResourceTag/team": "lab"}}
    role = Role(aws, "deleter", {"Action": "ec2:*", "Resource": "*", "Condition": tagged})

    def volume(team: str) -> str:
        tags = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": team}]}]
        made = aws.client("ec2").create_volume(
            AvailabilityZone="us-west-2a", Size=1, TagSpecifications=tags
        )
        return str(made["VolumeId"])

    role.client("ec2").delete_volume(VolumeId=volume("lab"))
    with pytest.raises(ClientError):
        role.client("ec2").delete_volume(VolumeId=volume("other"))


def test_who_has_no_key_has_no_access(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html."""
    with pytest.raises(ClientError) as error:
        client(
            aws, "sts", aws_access_key_id="local", aws_secret_access_key="local"
        ).get_caller_identity()
    assert refused(error)[:2] == (403, "InvalidClientTokenId")
    unsigned = client(aws, "s3", UNSIGNED)
    with pytest.raises(ClientError):
        unsigned.get_object(Bucket="bucket", Key="raw/a")
    role = Role(aws, "forger", {"Action": "*", "Resource": "*"})
    role.keys["aws_session_token"] = "forged"
    with pytest.raises(ClientError):
        role.client("s3").get_object(Bucket="bucket", Key="raw/a")


def test_a_presigned_address_is_its_signers(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html."""
    role = Role(aws, "signer", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"})
    s3 = client(aws, "s3", signature_version="s3v4", **role.keys)

    def address(operation: str) -> str:
        where = {"Bucket": "bucket", "Key": "raw/a"}
        return str(s3.generate_presigned_url(operation, Params=where))

    with urlopen(address("get_object")) as answer:  # noqa: S310 - of the local AWS
        assert answer.read() == b"raw"
    with pytest.raises(HTTPError), urlopen(address("get_object_tagging")):  # noqa: S310
        pass


def test_a_boundary_and_managed_policies_count(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html."""
    iam = aws.client("iam")
    only_read = document({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"})
    boundary = iam.create_policy(PolicyName="edge", PolicyDocument=only_read)["Policy"]["Arn"]
    role = Role(aws, "bounded", PermissionsBoundary=boundary)
    iam.attach_role_policy(
        RoleName="bounded", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess"
    )
    s3 = role.client("s3")

    assert s3.get_object(Bucket="bucket", Key="raw/a")["Body"].read() == b"raw"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="bucket", Key="raw/a", Body=b"")
    assert "because no permissions boundary allows the s3:PutObject action" in refused(error)[2]


def test_what_is_needed_is_recorded(aws: LocalAws) -> None:
    """Ours."""
    role = Role(aws, "recorded", {"Action": "s3:GetObject", "Resource": "*"})
    role.client("s3").get_object(Bucket="bucket", Key="raw/a")
    role.client("s3").get_object(Bucket="bucket", Key="raw/a")

    control = aws.access_control
    assert control is not None
    ((found, times),) = ((k, n) for k, n in control.recorded.items() if k.role == role.arn)
    assert (found.action, found.resource, times) == ("s3:GetObject", "arn:aws:s3:::bucket/raw/a", 2)
    assert found.denied == ""


def test_what_cannot_be_decided_is_neither_allowed_nor_denied(aws: LocalAws) -> None:
    """Ours: a call that nobody described, and a condition that nobody evaluates."""
    role = Role(aws, "unheard", {"Action": "*", "Resource": "*"})

    with pytest.raises(ClientError) as error:
        role.client("ec2").describe_vpcs()
    assert refused(error)[0] == 501
    assert "what ec2:DescribeVpcs needs is not known" in refused(error)[2]
    unheard = {"StringEquals": {"aws:Unheard": "x"}}
    role.allow({"Action": "s3:GetObject", "Resource": "*", "Condition": unheard})
    with pytest.raises(ClientError) as error:
        role.client("s3").get_object(Bucket="bucket", Key="raw/a")
    assert refused(error)[0] == 501
    assert "the condition key aws:Unheard is not known" in refused(error)[2]


def test_a_job_holds_its_roles_credentials_and_no_more(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html."""
    role = Role(aws, "job-task", {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"})
    worker = Role(aws, "job-worker", LOGS)
    queue = place_for_jobs(aws, worker)
    script = """
import boto3
s3 = boto3.client("s3", "us-west-2")
print(s3.get_object(Bucket="bucket", Key="raw/a")["Body"].read().decode())
try:
    s3.put_object(Bucket="bucket", Key="raw/a", Body=b"mine")
except s3.exceptions.ClientError as error:
    print(error.response["Error"]["Message"])
"""
    ended = run(aws, queue, [sys.executable, "-c", script], jobRoleArn=role.arn)

    assert ended["status"] == "SUCCEEDED"
    lines = log(aws, ended)
    assert lines[0] == "raw"
    assert f"{SESSION}/job-task/" in lines[1]
    assert "not authorized to perform: s3:PutObject" in lines[1]


def test_the_agent_needs_its_own_permissions(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html."""
    queue = place_for_jobs(aws, Role(aws, "mute-worker"))
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/lab/head:1"

    ended = run(aws, queue, ["true"])
    assert ended["status"] == "FAILED"
    assert "failed to create Cloudwatch log stream: AccessDeniedException" in reason(ended)
    execution = Role(aws, "execution", LOGS)
    assert run(aws, queue, ["true"], executionRoleArn=execution.arn)["status"] == "SUCCEEDED"
    ended = run(aws, queue, ["true"], executionRoleArn=execution.arn, image=image)
    assert reason(ended).startswith("CannotPullECRContainerError: AccessDeniedException: User: ")
    secret = aws.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    named = [{"name": "S", "valueFrom": secret}]
    ended = run(aws, queue, ["true"], executionRoleArn=execution.arn, secrets=named)
    # Batch keeps the first 255 characters.
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in reason(ended)


def test_a_job_is_tagged_by_whom_its_tags_allow(aws: LocalAws) -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html."""
    role = Role(aws, "tagger", {"Action": "batch:TagResource", "Resource": "*"})
    queue = place_for_jobs(aws, Role(aws, "tagged-worker", LOGS))
    job = run(aws, queue, ["true"])["jobArn"]
    batch = role.client("batch")

    batch.tag_resource(resourceArn=job, tags={"team": "lab"})
    tags = {"StringEquals": {"aws:ResourceTag/team": "other"}}
    role.allow({"Action": "batch:TagResource", "Resource": "*", "Condition": tags})
    with pytest.raises(ClientError) as error:
        batch.tag_resource(resourceArn=job, tags={"team": "other"})
    assert f"batch:TagResource on resource: {job} because" in refused(error)[2]


LOGS = {"Action": "logs:*", "Resource": "*"}


def place_for_jobs(aws: LocalAws, worker: Role) -> str:
    """Make a queue whose instances have a role."""
    iam, ec2, batch = (aws.client(name) for name in ("iam", "ec2", "batch"))
    iam.create_instance_profile(InstanceProfileName=worker.name)
    iam.add_role_to_instance_profile(InstanceProfileName=worker.name, RoleName=worker.name)
    batch.create_compute_environment(
        computeEnvironmentName=worker.name,
        type="MANAGED",
        computeResources={
            "type": "EC2",
            "minvCpus": 0,
            "maxvCpus": 4,
            "instanceTypes": ["optimal"],
            "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
            "instanceRole": worker.name,
        },
    )
    order = [{"order": 1, "computeEnvironment": worker.name}]
    batch.create_job_queue(jobQueueName=worker.name, priority=1, computeEnvironmentOrder=order)
    return worker.name


def run(aws: LocalAws, queue: str, command: list[str], **properties: Any) -> dict[str, Any]:
    """Run a job to its end."""
    batch = aws.client("batch")
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}]
    batch.register_job_definition(
        jobDefinitionName="job",
        type="container",
        containerProperties={
            "image": "image",
            "command": command,
            "resourceRequirements": needs,
            **properties,
        },
    )
    job = batch.submit_job(jobName="job", jobQueue=queue, jobDefinition="job")["jobId"]
    while True:
        (described,) = batch.describe_jobs(jobs=[job])["jobs"]
        if described["status"] in ("SUCCEEDED", "FAILED"):
            return dict(described)
        time.sleep(0.1)


def log(aws: LocalAws, job: dict[str, Any]) -> list[str]:
    events = aws.client("logs").get_log_events(
        logGroupName="/aws/batch/job",
        logStreamName=job["container"]["logStreamName"],
        startFromHead=True,
    )["events"]
    return [event["message"] for event in events]


def reason(job: dict[str, Any]) -> str:
    return str(job["container"]["reason"])
