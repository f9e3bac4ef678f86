"""Runs of the real Nextflow under access control: what they need they may, and no more.

`make test-head` runs these. With RECORD_CALLS=1, `make record-calls`, they write what each role
needed to tests/data/role_calls.jsonl, which the tests of the policies read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stacks import paths
from testbed import recorded_calls
from testbed.head import HELLO, HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]
SUCCESS = ("SUCCEEDED", 0, "the pipeline succeeded")
PUBLISHING = """
process GREET {
    publishDir params.outdir, mode: 'copy', overwrite: true, tags: [made: 'here']
    output: path 'greeting.txt'
    script: "dd if=/dev/zero of=greeting.txt bs=1M count=24"
}
workflow { GREET() }
"""
NAPS = """
process NAP {
    input: val n
    output: stdout
    script: "sleep ${n < 3 ? 1 : 60}; echo nap $n done"
}
workflow { channel.of(1..3) | NAP | view }
"""
FAILING = """
process P {
    script: "echo 'no such genome' >&2; exit 7"
}
workflow { P() }
"""
#: A task of whoever's code, which tries what no task should.
ATTACK = """
process ATTACK {
    output: stdout
    script:
    '''
    try() { /opt/aws-cli/bin/aws s3 cp --only-show-errors .command.sh "$1" 2>&1 && echo "WROTE $1"; true; }
    TRIES
    '''
}
workflow { ATTACK() | view }
"""


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "enforced", access_control=True) as bed:
            yield bed
    except NoNextflow as reason:
        pytest.skip(str(reason))


def test_hello_runs(testbed: HeadTestbed) -> None:
    assert testbed.end(testbed.submit(testbed.put_project("hello", HELLO))) == SUCCESS


def test_results_are_published_with_tags_and_overwritten(testbed: HeadTestbed) -> None:
    project = testbed.put_project("publishing", PUBLISHING)
    for _ in range(2):
        job = testbed.submit(project, "--outdir", f"s3://{testbed.bucket}/results")
        assert testbed.end(job) == SUCCESS

    tags = testbed.s3.get_object_tagging(Bucket=testbed.bucket, Key="results/greeting.txt")
    assert tags["TagSet"] == [{"Key": "made", "Value": "here"}]


def test_a_failed_task_is_quoted(testbed: HeadTestbed) -> None:
    state, _, line = testbed.end(testbed.submit(testbed.put_project("failing", FAILING)))

    assert state == "FAILED"
    assert "no such genome" in line


def test_a_lost_head_is_followed_by_another(testbed: HeadTestbed) -> None:
    job = testbed.submit(testbed.put_project("naps", NAPS))
    testbed.until(lambda: testbed.done(job) == 2, "two are done")
    testbed.aws.faults.host_reclaimed(job)

    assert testbed.end(job) == SUCCESS
    assert testbed.record(job)["tasks"] == {"cached": 2, "completed": 1}


def test_a_terminated_head_ends_its_tasks(testbed: HeadTestbed) -> None:
    job = testbed.submit(testbed.put_project("naps", NAPS))
    testbed.until(lambda: len(testbed.alive(job)) == 1, "one is left")
    testbed.batch.terminate_job(jobId=job, reason="enough")

    assert testbed.end(job)[0] == "CANCELLED"
    testbed.until(lambda: testbed.alive(job) == [], "no task is left", 60)


def test_none_of_that_was_denied(testbed: HeadTestbed) -> None:
    control = testbed.aws.access_control
    assert control is not None
    called = {(call.role.rpartition("/")[2], call.action) for call in control.recorded}

    for role, action in [
        ("HeadRole", "batch:SubmitJob"),
        ("HeadRole", "batch:TerminateJob"),
        ("HeadRole", "iam:PassRole"),
        ("HeadTaskRole", "s3:PutObject"),
        ("WorkerRole", "logs:PutLogEvents"),
        ("ExecutionRole", "ecr:BatchGetImage"),
    ]:
        assert any(role in name and action == used for name, used in called), (role, action)
    # Nextflow looks whether a bucket is there at all; a refusal is a line of its debug log.
    assert [line for line in control.denials if "s3:ListAllMyBuckets" not in line] == []
    if os.environ.get("RECORD_CALLS"):
        recorded_calls.write(recorded_calls.of(testbed.aws))


def test_a_task_writes_to_nothing_but_its_work(testbed: HeadTestbed) -> None:
    """A task's code is anybody's: it must not become the head's, or anybody's results."""
    objects = ["raw/reads.fq", "results/greeting.txt", "projects/hello/main.nf"]
    objects += ["_nextflow/logs/run-1/run.json", "_nextflow/runs/run-1/cache/a/b"]
    where = [f"s3://{testbed.bucket}/{key}" for key in objects] + ["s3://of-another-lab/a"]
    testbed.s3.create_bucket(
        Bucket="of-another-lab",
        CreateBucketConfiguration={"LocationConstraint": testbed.aws.region},
    )
    testbed.s3.put_object(Bucket=testbed.bucket, Key="raw/reads.fq", Body=b"ACGT")
    tries = "\n    ".join(f"try {uri}" for uri in where)
    job = testbed.submit(testbed.put_project("attack", ATTACK.replace("TRIES", tries)))

    assert testbed.end(job) == SUCCESS
    log = "\n".join(testbed.log(testbed.describe(job)[0]))
    assert [uri for uri in where if f"WROTE {uri}" in log] == []
    raw = testbed.s3.get_object(Bucket=testbed.bucket, Key="raw/reads.fq")["Body"].read()
    assert raw == b"ACGT"
    denied = [
        line
        for line in testbed.aws.access_control.denials  # type: ignore[union-attr]
        if "s3:ListAllMyBuckets" not in line
    ]
    assert len(denied) == len(where)
    assert all("HeadTaskRole" in line and "s3:PutObject" in line for line in denied)
