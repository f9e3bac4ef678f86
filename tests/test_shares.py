"""Teams that share queues: the settings, the templates and `nfbatch launch`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nextflow_batch import ArgumentsError, Shares
from nfbatch.shares import Shares as PublishedShares
from testbed.resources import only, properties, text
from testbed.synthesized import Templates, changed, of
from tests.support.batch import Testbed
from tests.support.deployment import DeploymentTestbed, deployment_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARES = {"weight_factors": {"genomics": 1, "imaging": 0.5, "user*": 2}, "default": "genomics"}


@pytest.fixture(scope="module")
def stacks() -> Templates:
    return of(changed("default", shares=SHARES))


def test_all_queues_but_that_of_heads_have_the_shares(stacks: Templates) -> None:
    (name,) = stacks["batch"].find_resources("AWS::Batch::SchedulingPolicy")
    policies = {
        entry["JobQueueName"]: text(entry.get("SchedulingPolicyArn"))
        for entry in properties(stacks["batch"], "AWS::Batch::JobQueue")
    }

    assert policies == {
        "default-default": f"<{name}.Arn>",
        "default-highpriority": f"<{name}.Arn>",
        "default-heads": "None",
    }


def test_the_policy_has_the_settings_and_no_name_that_a_replacement_would_collide_with(
    stacks: Templates,
) -> None:
    policy = only(stacks["batch"], "AWS::Batch::SchedulingPolicy")

    assert "Name" not in policy
    assert policy["FairsharePolicy"] == {
        "ComputeReservation": 10,
        "ShareDecaySeconds": 3600,
        "ShareDistribution": [
            {"ShareIdentifier": "genomics", "WeightFactor": 1},
            {"ShareIdentifier": "imaging", "WeightFactor": 0.5},
            {"ShareIdentifier": "user*", "WeightFactor": 2},
        ],
    }


def test_a_run_that_names_no_share_has_the_default(stacks: Templates) -> None:
    definition = only(stacks["batch"], "AWS::Batch::JobDefinition")
    variables = {
        entry["Name"]: entry["Value"] for entry in definition["ContainerProperties"]["Environment"]
    }

    assert variables["NF_SHARE"] == "genomics"
    # Without it a queue with shares takes no head.
    assert definition["SchedulingPriority"] == 0


def test_nfbatch_finds_the_shares(stacks: Templates) -> None:
    document = json.loads(text(only(stacks["batch"], "AWS::SSM::Parameter")["Value"]))

    assert PublishedShares.read(document["shares"]) == PublishedShares(
        names=("genomics", "imaging", "user*"),
        default="genomics",
        queues=("default-default", "default-highpriority"),
    )


def test_the_printed_command_names_a_share_where_heads_need_one() -> None:
    batch = of(changed("workshop", shares=SHARES))["batch"]
    (command,) = [
        output["Value"] for name, output in batch.find_outputs("*").items() if "TryIt" in name
    ]

    assert text(command).endswith(" --share-identifier genomics")


@pytest.mark.parametrize(
    ("weights", "default", "line"),
    [
        (
            {"genomics": 1},
            "imaging",
            'Shares: default: "imaging" is not allowed: must be one of weight_factors: genomics',
        ),
        (
            {"user*": 1, "user1": 1},
            "user1",
            "Shares: weight_factors.user1: is not allowed: user* already includes it",
        ),
    ],
)
def test_what_batch_would_refuse_is_one_line(
    weights: dict[str, float], default: str, line: str
) -> None:
    with pytest.raises(ArgumentsError) as refusal:
        Shares(weight_factors=weights, default=default)

    assert str(refusal.value) == line


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentTestbed]:
    with deployment_testbed(tmp_path_factory.mktemp("lab")) as made:
        share(made.testbed, made)
        yield made


def share(testbed: Testbed, lab: DeploymentTestbed) -> None:
    """Give the deployment queues with shares, where heads run too."""
    policy = testbed.batch.create_scheduling_policy(
        name=testbed.unique("policy"),
        fairsharePolicy={"shareDistribution": [{"shareIdentifier": "genomics"}]},
    )["arn"]
    lab.queues = [testbed.queue(schedulingPolicyArn=policy), lab.queues[1]]
    registered = testbed.batch.describe_job_definitions(jobDefinitionName=lab.job_definition)
    (known,) = registered["jobDefinitions"]
    testbed.batch.register_job_definition(
        jobDefinitionName=lab.job_definition,
        type="container",
        schedulingPriority=0,
        containerProperties=known["containerProperties"],
    )
    publish(lab, "genomics", "user*")


def publish(lab: DeploymentTestbed, *names: str) -> None:
    """Publish the deployment's document with these shares."""
    shares = {"names": names, "default": "genomics", "queues": [lab.queues[0]]}
    lab.publish({**lab.document, "shares": shares})


def request(lab: DeploymentTestbed, *words: str) -> dict[str, Any]:
    made: dict[str, Any] = lab.nfbatch("launch", "--dry-run", *words, "hello").json
    return made


def variables(request: dict[str, Any]) -> dict[str, str]:
    entries = request["containerOverrides"]["environment"]
    return {entry["name"]: entry["value"] for entry in entries}


def test_a_launched_head_has_the_share_of_its_run(lab: DeploymentTestbed) -> None:
    made = request(lab, "--share", "user7", "--priority", "5")

    assert made["shareIdentifier"] == "user7"
    assert variables(made)["NF_SHARE"] == "user7"
    assert variables(made)["NF_PRIORITY"] == "5"


def test_a_head_is_submitted_without_a_share_where_the_queue_has_none(
    lab: DeploymentTestbed,
) -> None:
    made = request(lab, "--share", "user7", "--queue", lab.queues[1])

    assert "shareIdentifier" not in made
    assert variables(made)["NF_SHARE"] == "user7"


def test_a_share_that_does_not_exist_is_refused_in_one_line(lab: DeploymentTestbed) -> None:
    refused = lab.nfbatch("launch", "--dry-run", "--share", "genomic", "hello")

    assert refused.status == 2
    assert (
        refused.err == "nfbatch: --share genomic is not allowed: must be one of genomics, user*\n"
    )


def test_a_run_in_a_queue_with_shares_ends_and_is_resumed_in_its_share(
    lab: DeploymentTestbed,
) -> None:
    (made,) = lab.nfbatch("launch", "--json", "--share", "user7", "hello").json["runs"]
    ended = lab.testbed.wait(made["id"])
    assert ended["shareIdentifier"] == "user7"
    assert ended["status"] == "SUCCEEDED", lab.log(made["id"])
    again = lab.nfbatch("resume", "--dry-run", made["id"]).json

    assert again["shareIdentifier"] == "user7"
    assert variables(again)["NF_SHARE"] == "user7"

    publish(lab, "genomics")
    refused = lab.nfbatch("resume", "--dry-run", made["id"])
    assert refused.status == 2
    assert "belongs to the share user7, which" in refused.err
    assert refused.err.endswith("--share` with one of genomics\n")
