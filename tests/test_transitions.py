"""Whatever settings can say can follow whatever they said before, or is refused in words.

Each change of one setting that the model knows is deployed onto the local AWS and taken back, each
time by the plan that `make deploy` makes. `make test-transitions` runs all, and writes the table
build/transitions.txt; a sample runs with the other tests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from local_aws.pace import PACE
from stacks import paths
from tests.support.batch import Gate
from tests.support.local_aws import local_testbed
from tests.support.settings_changes import UNKNOWN, Change, changes
from tests.support.transitions import BASE_CHANGE, Deployer, Outcome, templates

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = paths.ROOT / "build" / "transitions.txt"
#: Stands for the existing VPC, which is made with the account.
_ANY_VPC = {
    "vpc_id": "vpc-0123456789abcdef0",
    "subnets": [
        {"id": "subnet-0123456789abcdef0", "zone": "us-west-2a"},
        {"id": "subnet-0123456789abcdef1", "zone": "us-west-2b"},
        {"id": "subnet-0123456789abcdef2", "zone": "us-west-2c"},
    ],
}
NAMES = [change.name for change in changes(_ANY_VPC)]
#: Changes that are made in two deploys, and what says which is the first.
REFUSED = {
    "storage.bucket": "deploy first with storage.existing_bucket: ",
    "roles.path": "first destroy nextflow-lab-batch",
    "roles.name_prefix": "first destroy nextflow-lab-batch",
    "shares": "first destroy nextflow-lab-batch",
}
#: For `make test`: the change that moves most; a synthesis takes seconds.
SAMPLE = ["network.egress: public"]


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    with local_testbed(tmp_path_factory.mktemp("aws")) as aws:
        made = Deployer(aws)
        made.clear()
        yield made


@pytest.fixture(scope="module")
def rows() -> Iterator[list[str]]:
    """The table's rows."""
    made: list[str] = []
    yield made
    counts = [sum(f"| {kind} |" in row for row in made) for kind in ("done", "refused", "failed")]
    summary = "{} pairs done, {} refused with a way, {} failed".format(*counts)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join([*made, summary]) + "\n")
    print(f"\n{summary}: {TABLE.relative_to(paths.ROOT)}")


def _find(deployer: Deployer, name: str) -> Change:
    found = {change.name: change for change in changes(deployer.existing_vpc)}
    return found.get(name) or next(
        change for change in found.values() if change.name.startswith(name.partition(":")[0])
    )


def _row(start: Change, end: Change, outcome: Outcome) -> str:
    notes = outcome.failures or outcome.refusals or [", ".join(outcome.steps)]
    return f"{start.name} -> {end.name} | {outcome.kind} | {'; '.join([*outcome.said, *notes])}"


def _go(deployer: Deployer, start: Change, end: Change, rows: list[str]) -> Outcome:
    """Run a job, deploy while it runs, and run a job again."""
    templates(end)  # takes seconds, which the job shall not run through
    gate = Gate()
    old = deployer.submit(start, f"{gate.script}; sleep 0.5")
    deployer.wait(old, "RUNNING")
    outcome = deployer.deploy(end, on_plan=gate.open)
    gate.open()
    ended = deployer.wait(old)
    if outcome.kind == "done":
        if ended != "SUCCEEDED" and not any("terminate" in line for line in outcome.said):
            outcome.failures.append("a job was terminated, and the plan had not said so")
        if deployer.wait(deployer.submit(end, "true")) != "SUCCEEDED":
            outcome.failures.append("no job runs any more")
    rows.append(_row(start, end, outcome))
    return outcome


def _both_ways(deployer: Deployer, name: str, rows: list[str]) -> tuple[Outcome, Outcome]:
    change = _find(deployer, name)
    start = Change("its start", change.start) if change.start else BASE_CHANGE
    if deployer.deploy(start).kind != "done":
        deployer.clear()
        assert deployer.deploy(start).kind == "done"
    there = _go(deployer, start, change, rows)
    if there.kind != "done":
        deployer.clear()
        assert deployer.deploy(change).failures == []
    back = _go(deployer, change, start, rows)
    if back.kind != "done":
        deployer.clear()
    return there, back


@pytest.mark.transitions
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_one_setting_is_deployed_and_taken_back_or_names_the_way(
    deployer: Deployer, rows: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PACE, "minute", 10)
    assert UNKNOWN not in name
    key = name.partition(":")[0]
    try:
        outcomes = _both_ways(deployer, name, rows)
    except Exception as error:
        rows.append(f"{name} | failed | {error}")
        raise
    for outcome in outcomes:
        assert outcome.failures == []
        assert bool(outcome.refusals) is (key in REFUSED)
        assert all(REFUSED[key] in refusal for refusal in outcome.refusals)


@pytest.mark.transitions
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in NAMES if name.partition(":")[0] in REFUSED])
def test_the_way_that_a_refusal_names_leads_there(deployer: Deployer, name: str) -> None:
    change = _find(deployer, name)
    deployer.clear()
    assert deployer.deploy(BASE_CHANGE).kind == "done"
    refusal = "\n".join(deployer.deploy(change).refusals)
    if "first destroy nextflow-lab-batch" in refusal:
        deployer.account.destroy("nextflow-lab-batch")
    else:
        (bucket,) = re.findall(r"deploy first with storage\.existing_bucket: ([^;]+);", refusal)
        between = Change("existing", {"storage.existing_bucket": bucket})
        assert deployer.deploy(between).kind == "done"
    outcome = deployer.deploy(change)

    assert (outcome.failures, outcome.refusals) == ([], [])
    assert deployer.wait(deployer.submit(change, "true")) == "SUCCEEDED"
    deployer.clear()


def test_a_sample_of_changes_is_deployed_and_taken_back(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PACE, "minute", 10)
    for name in SAMPLE:
        for outcome in _both_ways(deployer, name, []):
            assert (outcome.failures, outcome.refusals) == ([], []), name
