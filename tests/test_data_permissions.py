"""Attacks of tasks and heads on data, against the policies of synthesized templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed.resources import text
from testbed.synthesized import Templates, changed, of
from tests.support.permissions import Permissions

OWN = "arn:aws:s3:::own"
NAMES = {
    "<StorageBucket5CB7C8EA.Arn>": OWN,
    "<StorageLogs2A2D4D26>": "logs",
    "<AWS::AccountId>": "123456789012",
}
WORK = f"{OWN}/_nextflow/runs/run-a/work/ab/cd/.command.log"
#: What a head reads back as code or as its state, and what people cannot make again.
OUT_OF_REACH = {
    "raw data": f"{OWN}/raw/sample.fastq.gz",
    "results": f"{OWN}/results/multiqc.html",
    "a project": f"{OWN}/projects/rnaseq/main.nf",
    "a configuration": f"{OWN}/lab.config",
    "arguments": f"{OWN}/arguments.json",
    "run.json": f"{OWN}/_nextflow/logs/run-a/run.json",
    "a log": f"{OWN}/_nextflow/logs/run-a/a1/.nextflow.log",
    "a task cache": f"{OWN}/_nextflow/logs/sessions/run-a/cache/5d/ab",
    "a lock": f"{OWN}/_nextflow/logs/sessions/run-a/lock.json",
    "a former task cache": f"{OWN}/_nextflow/runs/run-a/cache/5d/ab",
    "a former lock": f"{OWN}/_nextflow/runs/run-a/lock.json",
    "a reference": "arn:aws:s3:::1000genomes/index",
    "a bucket of results": "arn:aws:s3:::lab-results/multiqc.html",
}
WRITES = ("s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl")
DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration")


@pytest.fixture(scope="module")
def lab() -> Templates:
    return of(
        changed(
            "default",
            storage__results_buckets=["lab-results"],
            storage__store_dirs=["store/indices"],
        )
    )


@pytest.fixture(scope="module")
def shared() -> Templates:
    """Settings with a bucket that others use too."""
    return of(
        changed(
            "workshop",
            storage__existing_bucket="own",
            storage__prefix="lab/nextflow",
            storage__store_dirs=["store/indices"],
        )
    )


@pytest.fixture(scope="module")
def task(lab: Templates) -> Permissions:
    return Permissions(lab, "HeadTaskRole", NAMES)


@pytest.fixture(scope="module")
def head(lab: Templates) -> Permissions:
    return Permissions({"data": lab["data"], "batch": lab["batch"]}, "HeadRole", NAMES)


@pytest.mark.parametrize("target", OUT_OF_REACH)
def test_a_task_overwrites_nothing_but_work_files(task: Permissions, target: str) -> None:
    assert [action for action in WRITES if task.allow(action, OUT_OF_REACH[target])] == []


@pytest.mark.parametrize("target", [WORK, *OUT_OF_REACH.values()])
def test_a_task_deletes_nothing(task: Permissions, target: str) -> None:
    assert [action for action in DELETES if task.allow(action, target)] == []


def test_a_task_does_its_work(task: Permissions) -> None:
    """What its S3 client calls: docs/permissions.md."""
    assert task.allow("s3:PutObject", WORK)
    assert task.allow("s3:AbortMultipartUpload", WORK)
    assert task.allow("s3:PutObject", f"{OWN}/store/indices/star/SA")
    assert task.allow("s3:ListBucket", OWN)
    assert task.allow("s3:GetObject", OUT_OF_REACH["raw data"])
    assert task.allow("s3:GetObject", OUT_OF_REACH["a reference"])


def test_a_store_dir_is_no_more_than_its_folder(task: Permissions) -> None:
    assert not task.allow("s3:PutObject", f"{OWN}/store/indices-of-others/SA")
    assert not task.allow("s3:PutObject", f"{OWN}/store/main.nf")


def test_a_task_cannot_read_the_buckets_of_results(task: Permissions) -> None:
    assert not task.allow("s3:GetObject", OUT_OF_REACH["a bucket of results"])
    assert not task.allow("s3:ListBucket", "arn:aws:s3:::lab-results")


@pytest.mark.parametrize("target", ["arn:aws:s3:::lab-results/multiqc.html", f"{OWN}/results/x"])
def test_a_head_publishes_and_overwrites_results(head: Permissions, target: str) -> None:
    calls = ("PutObject", "PutObjectTagging", "GetObject", "DeleteObject", "AbortMultipartUpload")

    assert [call for call in calls if not head.allow(f"s3:{call}", target)] == []
    assert head.allow("s3:ListBucket", target.rpartition("/")[0].removesuffix("/results"))


@pytest.mark.parametrize("target", [WORK, *OUT_OF_REACH.values()])
def test_a_head_deletes_no_version(head: Permissions, target: str) -> None:
    versions = ("s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration")

    assert [action for action in versions if head.allow(action, target)] == []


def test_no_policy_of_any_stack_deletes_versions(lab: Templates) -> None:
    actions = [
        action
        for template in lab.values()
        for policy in template.find_resources("AWS::IAM::ManagedPolicy").values()
        for entry in policy["Properties"]["PolicyDocument"]["Statement"]
        if entry["Effect"] == "Allow"
        for action in (entry["Action"] if isinstance(entry["Action"], list) else [entry["Action"]])
    ]

    assert "s3:PutObject" in actions
    assert [name for name in actions if "Version" in name or name in ("s3:*", "*")] == []


def test_what_is_overwritten_can_be_had_back(lab: Templates) -> None:
    (bucket,) = [
        entry["Properties"]
        for name, entry in lab["data"].find_resources("AWS::S3::Bucket").items()
        if "AccessLogs" not in name
    ]
    rules = bucket["LifecycleConfiguration"]["Rules"]

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert {
        rule.get("Prefix", ""): rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "NoncurrentVersionExpiration" in rule
    } == {"": 30, "_nextflow/runs/": 1, "_nextflow/logs/sessions/": 1}
    assert any(rule.get("ExpiredObjectDeleteMarker") for rule in rules)


#: What others have in a bucket that they share with the deployment.
OF_OTHERS = (f"{OWN}/raw/sample.fastq.gz", f"{OWN}/lab/nextflow-of-others/x", f"{OWN}/lab/x")


@pytest.mark.parametrize("role", ["HeadTaskRole", "HeadRole"])
@pytest.mark.parametrize("target", OF_OTHERS)
def test_nothing_outside_of_the_prefix_of_a_shared_bucket_changes(
    shared: Templates, role: str, target: str
) -> None:
    permissions = Permissions(shared, role, NAMES)

    assert permissions.allow("s3:GetObject", target)
    assert [call for call in (*WRITES, *DELETES) if permissions.allow(call, target)] == []


def test_a_shared_bucket_holds_runs_results_and_stores(shared: Templates) -> None:
    task, head = (Permissions(shared, role, NAMES) for role in ("HeadTaskRole", "HeadRole"))

    assert task.allow("s3:PutObject", f"{OWN}/lab/nextflow/runs/run-a/work/ab/cd/x")
    assert head.allow("s3:PutObject", f"{OWN}/lab/nextflow/results/x")
    assert head.allow("s3:DeleteObject", f"{OWN}/lab/nextflow/results/x")
    assert task.allow("s3:PutObject", f"{OWN}/store/indices/x")
    assert head.allow("s3:PutObject", f"{OWN}/store/indices/x")
    assert not head.allow("s3:DeleteObject", f"{OWN}/store/indices/x")


@pytest.mark.parametrize("role", ["HeadTaskRole", "HeadRole"])
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_s3_is_refused_without_tls(shared: Templates, role: str, action: str) -> None:
    permissions = Permissions(shared, role, NAMES)

    work = f"{OWN}/lab/nextflow/runs/run-a/work/x"
    target = OWN if action == "s3:ListBucket" else work
    assert permissions.allow(action, target)
    assert not permissions.allow(action, target, {"aws:SecureTransport": "false"})


def test_the_longest_policies_fit() -> None:
    """IAM counts 6,144 characters of a managed policy, without blanks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    templates = of(
        changed(
            "workshop",
            storage__existing_bucket="o" * 63,
            storage__prefix="p" * 200,
            storage__customer_key=True,
            storage__reference_buckets=[f"{number:02}{'r' * 61}" for number in range(20)],
            storage__results_buckets=[f"{number:02}{'s' * 61}" for number in range(10)],
            storage__store_dirs=[f"{number}{'d' * 199}" for number in range(4)],
        )
    )
    policies = templates["data"].find_resources("AWS::IAM::ManagedPolicy")
    lengths = {
        name: len(
            json.dumps(_resolved(entry["Properties"]["PolicyDocument"]), separators=(",", ":"))
        )
        for name, entry in policies.items()
    }

    assert len(lengths) == 4
    assert {name: length for name, length in lengths.items() if length > 6144} == {}


def _resolved(value: Any) -> Any:
    """A document with its references, none of which stands for more than 60 characters."""
    match value:
        case {"Fn::Join": _} | {"Ref": _} | {"Fn::GetAtt": _}:
            return text(value).replace("<", "").replace(">", "").ljust(60)
        case dict():
            return {key: _resolved(entry) for key, entry in value.items()}
        case list():
            return [_resolved(entry) for entry in value]
    return value
