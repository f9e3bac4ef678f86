"""What the local Batch lists and describes, and how its resources change."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.batch import ACCOUNT, REGION, Testbed, process_testbed

ARN = f"arn:aws:batch:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed(stop_timeout=1) as made:
        yield made


def ids(answer: dict[str, Any]) -> list[str]:
    return [job["jobId"] for job in answer["jobSummaryList"]]


def test_without_a_status_the_running_jobs_are_listed(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (jobStatus)."""
    queue = testbed.queue()
    running = testbed.submit("sleep 30", jobQueue=queue)
    ended = testbed.submit(jobQueue=queue)
    testbed.wait(running, "RUNNING")
    testbed.wait(ended)

    assert ids(testbed.batch.list_jobs(jobQueue=queue)) == [running]
    assert ids(testbed.batch.list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")) == [ended]
    assert ids(testbed.batch.list_jobs(jobQueue=queue, jobStatus="FAILED")) == []
    testbed.batch.terminate_job(jobId=running, reason="seen")


def test_jobs_are_filtered_by_name_definition_and_time(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (filters)."""
    queue, definition = testbed.queue(), testbed.definition()
    jobs = [
        testbed.submit(jobQueue=queue, jobName=name, jobDefinition=definition)
        for name in ("Test1", "test10", "other")
    ]
    newest = testbed.wait(jobs[2])["createdAt"]

    def found(name: str, value: str) -> list[str]:
        filters = [{"name": name, "values": [value]}]
        # jobStatus is ignored beside a filter.
        return ids(testbed.batch.list_jobs(jobQueue=queue, filters=filters, jobStatus="FAILED"))

    assert found("JOB_NAME", "test1") == [jobs[0]]
    assert found("JOB_NAME", "TEST1*") == [jobs[1], jobs[0]], "the most recent first"
    assert found("JOB_DEFINITION", definition) == jobs[::-1]
    assert found("JOB_DEFINITION", f"{definition[:-1]}*") == jobs[::-1]
    assert found("JOB_DEFINITION", f"{ARN}:job-definition/{definition}:1") == jobs[::-1]
    assert found("AFTER_CREATED_AT", str(newest)) == []
    assert found("BEFORE_CREATED_AT", str(newest + 1)) == jobs[::-1]
    with pytest.raises(ClientError, match="filter JOB_COLOUR must be one of JOB_NAME"):
        found("JOB_COLOUR", "red")
    with pytest.raises(ClientError, match="noon is not a time in milliseconds"):
        found("AFTER_CREATED_AT", "noon")


def test_pages_of_jobs_neither_repeat_nor_skip(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (nextToken)."""
    queue, definition = testbed.queue(), testbed.definition()
    jobs = [testbed.submit(jobQueue=queue, jobDefinition=definition) for _ in range(5)]
    for job in jobs:
        testbed.wait(job)
    request = {"jobQueue": queue, "jobStatus": "SUCCEEDED", "maxResults": 2}
    first = testbed.batch.list_jobs(**request)
    later = testbed.submit(jobQueue=queue, jobDefinition=definition)
    testbed.wait(later)
    second = testbed.batch.list_jobs(**request, nextToken=first["nextToken"])
    third = testbed.batch.list_jobs(**request, nextToken=second["nextToken"])

    assert ids(first) + ids(second) + ids(third) == jobs[::-1]
    assert "nextToken" not in third
    with pytest.raises(ClientError, match="nextToken is invalid"):
        testbed.batch.list_jobs(**request, nextToken="bm93aGVyZQ==")


def test_a_summary_tells_how_a_job_ended(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobSummary.html."""
    queue = testbed.queue()
    identity = testbed.submit("exit 4", jobQueue=queue)
    job = testbed.wait(identity)
    (summary,) = testbed.batch.list_jobs(jobQueue=queue, jobStatus="FAILED")["jobSummaryList"]

    assert summary == {
        "jobArn": f"{ARN}:job/{identity}",
        "jobId": identity,
        "jobName": "job",
        "status": "FAILED",
        "statusReason": "Essential container in task exited",
        "createdAt": job["createdAt"],
        "startedAt": job["startedAt"],
        "stoppedAt": job["stoppedAt"],
        "container": {"exitCode": 4},
        "jobDefinition": job["jobDefinition"],
    }


def test_the_children_of_an_array_job_are_listed_by_their_parent(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html (arrayJobId)."""
    queue = testbed.queue()
    parent = testbed.submit(jobQueue=queue, arrayProperties={"size": 2})
    testbed.wait(parent)

    listed = testbed.batch.list_jobs(arrayJobId=parent, jobStatus="SUCCEEDED")
    assert ids(listed) == [f"{parent}:0", f"{parent}:1"]
    assert ids(testbed.batch.list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")) == [parent]


def test_unknown_jobs_are_left_out(testbed: Testbed) -> None:
    """DescribeJobs has no error for them.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
    """
    job = testbed.submit()
    answer = testbed.batch.describe_jobs(jobs=["no-such-job", job, f"{ARN}:job/{job}"])

    assert [found["jobId"] for found in answer["jobs"]] == [job, job]


def test_a_definition_is_found_by_name_revision_and_arn(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html."""
    name = testbed.definition(["echo", "one"])
    properties = {
        "image": "i",
        "command": ["echo", "two"],
        "vcpus": 1,
        "memory": 64,
    }
    again = testbed.batch.register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=properties
    )
    assert again["revision"] == 2
    spoken = {
        name: "two",
        f"{name}:1": "one",
        f"{ARN}:job-definition/{name}": "two",
        f"{ARN}:job-definition/{name}:1": "one",
    }

    for reference, expected in spoken.items():
        assert testbed.lines(testbed.run(jobDefinition=reference)) == [expected]


def test_an_inactive_revision_takes_no_job_and_the_one_before_is_the_latest(
    testbed: Testbed,
) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DeregisterJobDefinition.html."""
    name = testbed.definition(["echo", "one"])
    testbed.batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": "i", "vcpus": 1, "memory": 64},
    )
    testbed.batch.deregister_job_definition(jobDefinition=f"{name}:2")

    assert testbed.lines(testbed.run(jobDefinition=name)) == ["one"]
    with pytest.raises(ClientError, match="is not in ACTIVE status"):
        testbed.submit(jobDefinition=f"{name}:2")


def test_definitions_are_described_by_name_status_and_list(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobDefinitions.html."""
    name = testbed.definition(
        parameters={"nf-token": "abc"},
        retryStrategy={"attempts": 2, "evaluateOnExit": [{"onReason": "*", "action": "EXIT"}]},
        timeout={"attemptDurationSeconds": 60},
        tags={"nextflow.io/version": "26.10"},
        propagateTags=True,
    )
    testbed.batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": "i", "vcpus": 1, "memory": 64},
    )
    testbed.batch.deregister_job_definition(jobDefinition=f"{name}:1")

    def found(**request: Any) -> list[tuple[str, int]]:
        answer = testbed.batch.describe_job_definitions(**request)["jobDefinitions"]
        return [(item["jobDefinitionName"], item["revision"]) for item in answer]

    assert found(jobDefinitionName=name) == [(name, 1), (name, 2)]
    assert found(jobDefinitionName=name, status="ACTIVE") == [(name, 2)]
    assert found(jobDefinitions=[f"{name}:1"]) == [(name, 1)]
    assert found(jobDefinitions=[f"{ARN}:job-definition/{name}:2", "other"]) == [(name, 2)]
    (shown,) = testbed.batch.describe_job_definitions(jobDefinitions=[f"{name}:1"])[
        "jobDefinitions"
    ]
    assert shown["parameters"] == {"nf-token": "abc"}
    assert shown["retryStrategy"]["attempts"] == 2
    assert shown["tags"] == {"nextflow.io/version": "26.10"}
    assert shown["timeout"] == {"attemptDurationSeconds": 60}
    assert shown["propagateTags"] is True
    assert shown["containerProperties"]["mountPoints"] == []


def test_descriptions_come_in_pages(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobQueues.html."""
    wanted = sorted(testbed.queue(testbed.environment()) for _ in range(3))
    for operation, member, name in (
        ("describe_job_queues", "jobQueues", "jobQueueName"),
        ("describe_compute_environments", "computeEnvironments", "computeEnvironmentName"),
        ("describe_job_definitions", "jobDefinitions", "jobDefinitionArn"),
    ):
        describe = getattr(testbed.batch, operation)
        whole = [item[name] for item in describe()[member]]
        paged: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = describe(maxResults=2, **token)
            assert len(page[member]) <= 2
            paged += [item[name] for item in page[member]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert paged == whole
    answer = testbed.batch.describe_job_queues(jobQueues=[*wanted, "other"])["jobQueues"]
    assert [queue["jobQueueName"] for queue in answer] == wanted


def test_a_compute_environment_is_valid_and_has_a_cluster(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeEnvironmentDetail.html."""
    name = testbed.environment(type="SPOT", bidPercentage=100, tags={"Name": "worker"})
    reference = f"{ARN}:compute-environment/{name}"
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[reference])
    (shown,) = answer["computeEnvironments"]

    assert shown["computeEnvironmentName"] == name
    assert (shown["state"], shown["status"]) == ("ENABLED", "VALID")
    assert shown["serviceRole"].endswith("/AWSServiceRoleForBatch")
    assert shown["computeResources"]["bidPercentage"] == 100
    assert shown["updatePolicy"] == {
        "terminateJobsOnUpdate": False,
        "jobExecutionTimeoutMinutes": 30,
    }
    clusters = testbed.client("ecs").list_clusters()["clusterArns"]
    assert shown["ecsClusterArn"] in clusters


def test_user_data_that_is_not_multipart_makes_the_environment_invalid(testbed: Testbed) -> None:
    """The literal message: https://github.com/aws/aws-cdk/issues/6427."""
    ec2 = testbed.client("ec2")
    template = ec2.create_launch_template(
        LaunchTemplateName=testbed.unique("template"),
        LaunchTemplateData={"UserData": "IyEvYmluL2Jhc2gK"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    name = testbed.environment(launchTemplate={"launchTemplateId": template})
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[name])
    (shown,) = answer["computeEnvironments"]

    assert shown["status"] == "INVALID"
    assert shown["statusReason"] == (
        "CLIENT_ERROR - Launch Template UserData is not MIME multipart format"
    )
    with pytest.raises(ClientError, match="is not in VALID state"):
        testbed.queue(name)


def test_infrastructure_is_updated_in_place_with_the_service_linked_role_only(
    testbed: Testbed,
) -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html."""
    name = testbed.environment()
    update = {"instanceTypes": ["c6i"], "maxvCpus": 8}
    testbed.batch.update_compute_environment(computeEnvironment=name, computeResources=update)
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[name])
    resources = answer["computeEnvironments"][0]["computeResources"]
    assert (resources["instanceTypes"], resources["maxvCpus"]) == (["c6i"], 8)

    best_fit = testbed.environment(allocationStrategy="BEST_FIT")
    with pytest.raises(ClientError, match="instanceTypes can't be updated with allocation"):
        testbed.batch.update_compute_environment(
            computeEnvironment=best_fit, computeResources=update
        )
    own = testbed.unique("own-role")
    testbed.batch.create_compute_environment(
        computeEnvironmentName=own,
        type="MANAGED",
        serviceRole=f"arn:aws:iam::{ACCOUNT}:role/job",
        computeResources=testbed.resources,
    )
    with pytest.raises(ClientError, match="service-linked role AWSServiceRoleForBatch"):
        testbed.batch.update_compute_environment(computeEnvironment=own, computeResources=update)


def test_a_queue_changes_its_priority_and_environments(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateJobQueue.html."""
    first, second = testbed.environment(), testbed.environment()
    queue = testbed.queue(first)
    testbed.batch.update_job_queue(
        jobQueue=queue,
        priority=5,
        computeEnvironmentOrder=[
            {"order": 2, "computeEnvironment": first},
            {"order": 1, "computeEnvironment": second},
        ],
    )
    (shown,) = testbed.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]

    assert shown["priority"] == 5
    assert shown["computeEnvironmentOrder"] == [
        {"order": 1, "computeEnvironment": f"{ARN}:compute-environment/{second}"},
        {"order": 2, "computeEnvironment": f"{ARN}:compute-environment/{first}"},
    ]


def test_what_is_in_use_or_enabled_cannot_be_deleted(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DeleteComputeEnvironment.html.

    The literal message: https://github.com/hashicorp/terraform-provider-aws/issues/13221
    """
    environment = testbed.environment()
    queue = testbed.queue(environment)
    with pytest.raises(ClientError, match="is not DISABLED"):
        testbed.batch.delete_compute_environment(computeEnvironment=environment)
    testbed.batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    with pytest.raises(ClientError, match="Cannot delete, found existing JobQueue relationship"):
        testbed.batch.delete_compute_environment(computeEnvironment=environment)
    with pytest.raises(ClientError, match="is not DISABLED"):
        testbed.batch.delete_job_queue(jobQueue=queue)
    testbed.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    testbed.batch.delete_job_queue(jobQueue=queue)
    testbed.batch.delete_compute_environment(computeEnvironment=environment)

    assert testbed.batch.describe_job_queues(jobQueues=[queue])["jobQueues"] == []
    answer = testbed.batch.describe_compute_environments(computeEnvironments=[environment])
    assert answer["computeEnvironments"] == []


def test_resources_are_tagged_and_untagged(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html."""
    queue = testbed.queue()
    job = testbed.submit(jobQueue=queue, tags={"run": "one"}, propagateTags=True)
    for arn in (
        f"{ARN}:job/{job}",
        f"{ARN}:job-queue/{queue}",
        f"{ARN}:job-definition/{testbed.definition()}:1",
        f"{ARN}:compute-environment/{testbed.environment()}",
    ):
        testbed.batch.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
        testbed.batch.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert testbed.batch.list_tags_for_resource(resourceArn=arn)["tags"]["b"] == "2"

    assert testbed.describe(job)["tags"] == {"run": "one", "b": "2"}
    assert testbed.describe(job)["propagateTags"] is True
    with pytest.raises(ClientError, match="does not exist"):
        testbed.batch.tag_resource(resourceArn=f"{ARN}:job/none", tags={"a": "1"})


def test_the_front_of_a_queue_can_be_seen(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_GetJobQueueSnapshot.html."""
    queue = testbed.queue(testbed.environment(maxvCpus=1))
    blocker = testbed.submit("sleep 30", jobQueue=queue)
    waiting = [testbed.submit(jobQueue=queue) for _ in range(2)]
    front = testbed.batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]

    assert [entry["jobArn"] for entry in front] == [f"{ARN}:job/{job}" for job in waiting]
    for job in [*waiting, blocker]:
        testbed.batch.terminate_job(jobId=job, reason="seen")


def test_scheduling_policies_can_be_made_changed_and_deleted(testbed: Testbed) -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateSchedulingPolicy.html."""
    name = testbed.unique("policy")
    arn = testbed.batch.create_scheduling_policy(name=name, tags={"a": "1"})["arn"]
    testbed.batch.update_scheduling_policy(arn=arn, fairsharePolicy={"shareDecaySeconds": 600})
    (shown,) = testbed.batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]
    assert shown["fairsharePolicy"]["shareDecaySeconds"] == 600
    assert shown["tags"] == {"a": "1"}
    queue = testbed.queue(schedulingPolicyArn=arn)
    with pytest.raises(ClientError, match="found existing JobQueue relationship"):
        testbed.batch.delete_scheduling_policy(arn=arn)
    with pytest.raises(ClientError, match="shareIdentifier must be specified"):
        testbed.submit(jobQueue=queue)
    testbed.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    testbed.batch.delete_job_queue(jobQueue=queue)
    testbed.batch.delete_scheduling_policy(arn=arn)

    assert testbed.batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"] == []
