"""What people are told and shown, and what they are not."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from nextflow_batch import ArgumentsError, OperationsOptions
from nextflow_janitors import census, lost_hosts
from nextflow_worker.watch.metrics import DIMENSION, METRICS, NAMESPACE
from stacks import paths
from testbed import dashboard_picture
from testbed.resources import only, properties, text
from testbed.synthesized import Templates, changed, of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_cdk.assertions import Template

    from tests.support.local_aws import Stack

QUEUE = "arn:aws:batch:us-west-2:<AWS::AccountId>:job-queue/default-default"
HEAD = "arn:aws:batch:us-west-2:<AWS::AccountId>:job-definition/default-nextflow:7"
TASK = HEAD.replace("default-nextflow", "nf-default_bash")
GROUP_ARN = "arn:aws:logs:us-west-2:123456789012:log-group:lab-logs:*"
GONE = "Host EC2 (instance i-0123) terminated."


def job(status: str, definition: str = HEAD, *attempts: str, reason: str = GONE) -> dict[str, Any]:
    """As Batch sends it, shortened.

    https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html
    """
    return {
        "detail-type": "Batch Job State Change",
        "source": "aws.batch",
        "account": "123456789012",
        "region": "us-west-2",
        "detail": {
            "jobArn": "arn:aws:batch:us-west-2:123456789012:job/4c7599ae",
            "jobName": "patients-2026",
            "jobId": "4c7599ae",
            "jobQueue": QUEUE,
            "jobDefinition": definition,
            "status": status,
            "statusReason": reason,
            "attempts": [{"statusReason": each} for each in attempts],
            "container": {
                "command": ["https://lab.example/p", "--name", "JaneDoe"],
                "environment": [{"name": "TOKEN", "value": "hunter2"}],
            },
        },
    }


def blocked(reason: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/batch/latest/userguide/batch-queue-blocked-events.html."""
    return job("RUNNABLE", TASK, reason=reason) | {"detail-type": "Batch Job Queue Blocked"}


#: Events, and the rules that they trigger.
EVENTS: list[tuple[dict[str, Any], set[str]]] = [
    (job("RUNNING"), {"RunStarted"}),
    (job("SUCCEEDED"), {"RunFinished"}),
    (job("FAILED", reason="Essential container in task exited"), {"HeadFailed"}),
    (job("FAILED"), {"HeadFailed", "HostLost"}),
    (job("RUNNABLE"), set()),
    (job("RUNNABLE", TASK, GONE), {"HostLost"}),
    (job("RUNNABLE", TASK, "Task failed to start"), set()),
    (job("RUNNING", TASK, GONE), set()),
    (job("SUCCEEDED", TASK, GONE), set()),
    (job("FAILED", TASK, GONE), {"HostLost"}),
    (job("RUNNING", HEAD.replace("nextflow", "nextflow-lab")), set()),
    (blocked("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large"), {"QueueBlocked"}),
    (blocked("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - no c6i.large"), {"NoCapacity"}),
]


@pytest.fixture(scope="module")
def plain(templates: Callable[[str], Templates]) -> Template:
    return templates("default")["operations"]


@pytest.fixture(scope="module")
def guarded() -> Template:
    return of(changed("default", storage__customer_key=True))["operations"]


def _rules(template: Template) -> dict[str, dict[str, Any]]:
    """The rules for events, by the end of their names."""
    found = template.find_resources("AWS::Events::Rule")
    return {
        re.sub(r"OperationsEvents|[0-9A-F]{8}$", "", name): rule["Properties"]
        for name, rule in found.items()
        if "EventPattern" in rule["Properties"]
    }


def _notifying(template: Template) -> list[dict[str, Any]]:
    """The targets by which rules publish notifications."""
    targets = [each for rule in _rules(template).values() for each in rule.get("Targets", ())]
    return [each for each in targets if "InputTransformer" in each]


def _matches(value: Any, pattern: Any) -> bool:
    """Whether EventBridge matches a value; a list is as each of its elements.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    if isinstance(value, list):
        return any(_matches(each, pattern) for each in value)
    if isinstance(pattern, dict) and "Fn::Join" not in pattern:
        fields = [
            isinstance(value, dict) and _matches(value.get(name), wanted)
            for name, wanted in pattern.items()
            if name != "$or"
        ]
        either = pattern.get("$or")
        return all(fields) and (not either or any(_matches(value, each) for each in either))
    for each in pattern:
        if isinstance(each, dict) and "prefix" in each:
            found = str(value).startswith(text(each["prefix"]))
        elif isinstance(each, dict) and "anything-but" in each:
            found = not str(value).startswith(each["anything-but"]["prefix"])
        else:
            found = value == text(each)
        if found:
            return True
    return False


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_each_event_triggers_the_rules_that_it_concerns(
    plain: Template, event: dict[str, Any], expected: set[str]
) -> None:
    rules = _rules(plain)
    matched = {name for name, rule in rules.items() if _matches(event, rule["EventPattern"])}

    assert set(rules) == {name for _, names in EVENTS for name in names}
    assert matched == expected
    elsewhere = event | {"detail": event["detail"] | {"jobQueue": QUEUE + "-of-others"}}
    assert not any(_matches(elsewhere, rule["EventPattern"]) for rule in rules.values())


def _message(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What EventBridge makes of an event with the input transformer of a rule's target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    values = {}
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        value: Any = event
        for part in path.removeprefix("$.").split("."):
            value = value[part]
        values[name] = value
    template = target["InputTransformer"]["InputTemplate"]
    return re.sub(r"<([\w-]+)>", lambda match: str(values[match[1]]), template)


def test_a_notification_says_job_state_and_reason(plain: Template) -> None:
    assert len(_notifying(plain)) == 5

    for target in _notifying(plain):
        message = _message(target, job("FAILED"))
        assert "Job: patients-2026 (4c7599ae)" in message
        assert "State: FAILED" in message
        assert f"Reason: {GONE}" in message
        assert "describe-jobs --region us-west-2 --jobs 4c7599ae" in message


def test_a_notification_has_neither_command_nor_environment(plain: Template) -> None:
    for target in _notifying(plain):
        message = _message(target, job("FAILED"))
        assert not re.search("JaneDoe|hunter2|TOKEN|lab.example", message)


def test_every_line_of_a_notification_is_a_string(plain: Template) -> None:
    """EventBridge refuses a template of several lines that is not."""
    for target in _notifying(plain):
        for line in _message(target, job("FAILED")).splitlines():
            assert isinstance(json.loads(line), str)


def test_only_the_accounts_own_rules_and_alarms_may_publish(plain: Template) -> None:
    policy = only(plain, "AWS::SNS::TopicPolicy")["PolicyDocument"]
    allowed = [entry for entry in policy["Statement"] if entry["Effect"] == "Allow"]

    sources = {
        entry["Principal"]["Service"]: text(entry["Condition"]["ArnLike"]["aws:SourceArn"])
        for entry in allowed
    }
    for entry in allowed:
        account = entry["Condition"]["StringEquals"]["aws:SourceAccount"]
        assert text(account) == "<AWS::AccountId>"
    place = "us-west-2:<AWS::AccountId>"
    assert {name: source.partition(":")[2] for name, source in sources.items()} == {
        "events.amazonaws.com": f"aws:events:{place}:rule/*",
        "cloudwatch.amazonaws.com": f"aws:cloudwatch:{place}:alarm:*",
    }


def test_an_event_that_cannot_be_delivered_is_kept(plain: Template) -> None:
    for target in _notifying(plain):
        assert "Undelivered" in text(target["DeadLetterConfig"]["Arn"])
    assert only(plain, "AWS::SQS::Queue")["SqsManagedSseEnabled"] is True


def test_a_customer_key_encrypts_what_is_notified(guarded: Template) -> None:
    assert "Key" in text(only(guarded, "AWS::SNS::Topic")["KmsMasterKeyId"])
    assert "Key" in text(only(guarded, "AWS::SQS::Queue")["KmsMasterKeyId"])


def _shown(template: Template) -> list[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric of the dashboard."""
    found = []
    for widget in json.loads(text(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]))[
        "widgets"
    ]:
        for metric in widget["properties"].get("metrics", ()):
            namespace, name, *words = (each for each in metric if isinstance(each, str))
            found.append((namespace, name, dict(zip(words[::2], words[1::2], strict=True))))
    return found


def _alarmed(template: Template) -> dict[str, list[tuple[str, str, dict[str, str]]]]:
    """The same of each alarm, by the end of the alarm's name."""
    found = {}
    for name, alarm in template.find_resources("AWS::CloudWatch::Alarm").items():
        entry = alarm["Properties"]
        stats = [
            each["MetricStat"]["Metric"]
            for each in entry.get("Metrics", ())
            if "MetricStat" in each
        ]
        found[re.sub(r"OperationsAlarms|[0-9A-F]{8}$", "", name)] = [
            (
                metric["Namespace"],
                metric["MetricName"],
                {each["Name"]: text(each["Value"]) for each in metric["Dimensions"]},
            )
            for metric in (stats or [entry])
        ]
    return found


def _emitted() -> dict[str, set[str]]:
    """The metrics of our own programs with the names of their dimensions."""
    boot = (paths.WORKER / "boot.sh").read_text("ascii")
    of_workers = {each.name for metrics in METRICS.values() for each in metrics}
    of_workers |= set(re.findall(r"report 'boot \w+' (\w+)", boot))
    counted = {*census.TASKS.values(), census.HEADS, lost_hosts.METRIC}
    return {
        **{name: {DIMENSION} for name in of_workers | counted},
        census.VCPUS: {DIMENSION, "environment"},
    }


def test_every_metric_that_is_shown_or_alarmed_has_a_source(plain: Template) -> None:
    emitted = _emitted()
    rules = {f"<{name}>" for name in plain.find_resources("AWS::Events::Rule")}
    functions = {f"<{name}>" for name in plain.find_resources("AWS::Lambda::Function")}
    used = [*_shown(plain), *(each for entries in _alarmed(plain).values() for each in entries)]

    assert len(_shown(plain)) > 20
    for namespace, name, dimensions in used:
        match namespace:
            case "AWS/Events":
                assert name == "TriggeredRules"
                assert set(dimensions) == {"RuleName"}
                assert set(dimensions.values()) <= rules
            case "AWS/Lambda":
                assert name == "Errors"
                assert set(dimensions.values()) <= functions
            case _:
                assert namespace == NAMESPACE
                assert set(dimensions) == emitted[name], name
                assert dimensions["deployment"] == "default"
    assert len(_alarmed(plain)["FailedJanitor"]) == len(functions)
    counted = {*census.TASKS.values(), census.HEADS, census.VCPUS}
    assert counted <= {name for _, name, _ in _shown(plain)}, "a metric that nobody sees costs"


def test_the_picture_of_the_dashboard_is_drawn_from_its_definition(plain: Template) -> None:
    body = dashboard_picture.definition(plain)
    drawn = dashboard_picture.PICTURE.read_text("utf-8")

    assert drawn == dashboard_picture.picture(body), "run `make schema`"
    assert drawn.count("<text") > 30


def test_the_dashboards_environments_are_what_the_census_calls_them(
    templates: Callable[[str], Templates],
) -> None:
    shown = {at["environment"] for _, name, at in _shown(templates("default")["operations"]) if name == census.VCPUS}  # fmt: skip
    names = {
        entry["Tags"]["Name"].removeprefix("batch-").removesuffix("-worker")
        for entry in properties(templates("default")["batch"], "AWS::Batch::ComputeEnvironment")
    }

    assert shown == names


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("cloudwatch", region_name="us-west-2")


def _is_alarmed(cloudwatch: Any, alarm: dict[str, Any]) -> bool:
    """Evaluate an alarm as CloudWatch does, on what moto has stored in the last five minutes.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
    """
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    now = datetime.now(UTC)
    stats = [each["MetricStat"] for each in alarm.get("Metrics", ()) if "MetricStat" in each]
    values: list[float] = []
    for stat in stats or [{"Metric": alarm, "Period": alarm["Period"], "Stat": alarm["Statistic"]}]:
        metric = stat["Metric"]
        (result,) = cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": metric["Namespace"],
                            "MetricName": metric["MetricName"],
                            "Dimensions": [
                                {"Name": each["Name"], "Value": text(each["Value"])}
                                for each in metric["Dimensions"]
                            ],
                        },
                        "Period": stat["Period"],
                        "Stat": stat["Stat"],
                    },
                }
            ],
            StartTime=now - timedelta(seconds=stat["Period"]),
            EndTime=now + timedelta(seconds=60),
        )["MetricDataResults"]
        values += result["Values"]
    return bool(sum(values) >= alarm["Threshold"])


@pytest.mark.parametrize(
    ("name", "acts"),
    [
        ("FailedHead", False),
        ("BlockedQueue", False),
        ("NoCapacity", False),
        ("FailedGrowth", True),
        ("RefusedBoot", True),
        ("FailedJanitor", True),
    ],
)
def test_each_alarm_fires_at_its_first_event_and_is_quiet_before(
    plain: Template, cloudwatch: Any, name: str, acts: bool
) -> None:
    alarms = plain.find_resources("AWS::CloudWatch::Alarm")
    (alarm,) = [
        each["Properties"]
        for key, each in alarms.items()
        if key.startswith(f"OperationsAlarms{name}")
    ]
    namespace, metric, dimensions = _alarmed(plain)[name][-1]

    assert not _is_alarmed(cloudwatch, alarm)
    point = {"MetricName": metric, "Value": 1, "Dimensions": [
        {"Name": key, "Value": value} for key, value in dimensions.items()
    ]}  # fmt: skip
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[point])
    assert _is_alarmed(cloudwatch, alarm)
    assert len(alarms) == 6
    assert ("AlarmActions" in alarm) == acts


def test_the_stack_can_be_deployed_onto_the_local_aws(plain: Template, stack: Stack) -> None:
    document = json.dumps(plain.to_json()["Resources"])
    resources = json.loads(
        re.sub(r'\{"Fn::ImportValue": "[^"]*Arn[^"]*"\}', f'"{GROUP_ARN}"', document)
    )
    resources = json.loads(
        re.sub(r'\{"Fn::ImportValue": "[^"]*"\}', '"lab-logs"', json.dumps(resources))
    )

    assert stack.create(resources) == "CREATE_COMPLETE"
    (dashboard,) = stack.aws.client("cloudwatch").list_dashboards()["DashboardEntries"]
    assert dashboard["DashboardName"]
    assert len(stack.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 6
    stack.delete()
    assert stack.aws.client("cloudwatch").list_dashboards()["DashboardEntries"] == []


def test_each_function_can_be_switched_off(templates: Callable[[str], Templates]) -> None:
    everything = templates("default")["operations"].find_resources("AWS::Lambda::Function")
    options = {
        "stop_orphaned_tasks": False,
        "delete_stray_volumes": False,
        "deregister_stale_definitions": False,
        "delete_old_head_images": False,
        "count_jobs": False,
        "max_refused_boots": None,
        "runs": "failed",
        "email": "lab@example.org",
        "monthly_budget_usd": 500,
    }
    made = of(changed("default", operations=options))["operations"]

    left = made.find_resources("AWS::Lambda::Function")
    assert (len(everything), len(left)) == (7, 1)
    assert len(_notifying(made)) == 3
    budget = only(made, "AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 500, "Unit": "USD"}
    assert budget["Budget"]["CostFilters"] == {
        "TagKeyValue": ["user:nextflow-batch:deployment$default"]
    }
    addresses = {
        subscriber["Address"]
        for each in budget["NotificationsWithSubscribers"]
        for subscriber in each["Subscribers"]
    }
    assert addresses == {"lab@example.org"}


def test_a_budget_that_nobody_is_told_of_is_refused() -> None:
    with pytest.raises(ArgumentsError, match="500 is not allowed without email: set it, too"):
        OperationsOptions(monthly_budget_usd=500)
