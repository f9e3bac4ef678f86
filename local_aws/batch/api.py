"""Batch's HTTP API: routes a request to its operation and writes the answer."""

import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.core.responses import BaseResponse
from werkzeug.exceptions import HTTPException

from local_aws.batch import control, describe
from local_aws.batch.authorization import resources_of
from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.regional import backend_of
from local_aws.batch.request import checked, service_model

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch

Json = dict[str, Any]
Operation = Callable[["LocalBatch", Json], Json]

_TAGS = "/v1/tags/"
_TAG_OPERATIONS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}

_OPERATIONS: dict[str, Operation] = {
    "CancelJob": control.cancel_job,
    "CancelJobs": control.cancel_jobs,
    "CreateComputeEnvironment": control.create_compute_environment,
    "CreateJobQueue": control.create_job_queue,
    "CreateSchedulingPolicy": control.create_scheduling_policy,
    "DeleteComputeEnvironment": control.delete_compute_environment,
    "DeleteJobQueue": control.delete_job_queue,
    "DeleteSchedulingPolicy": control.delete_scheduling_policy,
    "DeregisterJobDefinition": control.deregister_job_definition,
    "DescribeComputeEnvironments": describe.compute_environments,
    "DescribeJobDefinitions": describe.job_definitions,
    "DescribeJobQueues": describe.job_queues,
    "DescribeJobs": describe.jobs,
    "DescribeSchedulingPolicies": describe.scheduling_policies,
    "GetJobQueueSnapshot": describe.job_queue_snapshot,
    "ListJobs": describe.list_jobs,
    "ListSchedulingPolicies": describe.list_scheduling_policies,
    "ListTagsForResource": describe.tags,
    "RegisterJobDefinition": control.register_job_definition,
    "SubmitJob": control.submit_job,
    "TagResource": control.tag_resource,
    "TerminateJob": control.terminate_job,
    "TerminateJobs": control.terminate_jobs,
    "UntagResource": control.untag_resource,
    "UpdateComputeEnvironment": control.update_compute_environment,
    "UpdateJobQueue": control.update_job_queue,
    "UpdateSchedulingPolicy": control.update_scheduling_policy,
}


class BatchApi(BaseResponse):  # type: ignore[misc]
    """Answers one request."""

    def __init__(self) -> None:
        super().__init__(service_name="batch")

    def _get_action(self) -> str:
        path = str(self.path)
        if path.startswith(_TAGS):
            return _TAG_OPERATIONS.get(self.method, "")
        names = {name.lower(): name for name in service_model().operation_names}
        return names.get(path.rstrip("/").rpartition("/")[2], "")

    def _request(self) -> Json:
        try:
            request: Json = json.loads(self.body) if self.body else {}
        except ValueError as error:
            raise request_error(f"the request is not JSON: {error}") from error
        path = unquote(str(self.path))
        if path.startswith(_TAGS):
            request["resourceArn"] = path.removeprefix(_TAGS)
            request |= parse_qs(self.parsed_url.query)
        return request

    def call_action(self) -> tuple[int, dict[str, str], str]:
        """Answer the request that was set up.

        Returns:
            Status, headers and body.

        """
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
        try:
            return 200, headers, json.dumps(self._answer())
        except HTTPException as error:
            # moto writes a denial as XML, which no SDK reads from a JSON service.
            kind = str(getattr(error, "error_type", "ServerException"))
            kind = "AccessDeniedException" if kind == "AccessDenied" else kind
            message = getattr(error, "message", None) or error.description
            headers["x-amzn-ErrorType"] = kind
            return error.code or 500, headers, json.dumps({"__type": kind, "message": message})

    def _answer(self) -> Json:
        action = self._get_action()
        operation = _OPERATIONS.get(action)
        if operation is None:
            raise ClientException(f"The local AWS has no Batch operation {action or self.path}")
        backend = backend_of(self.current_account, self.region)
        request = self._request()
        for arn in resources_of(backend, action, request):
            self._authenticate_and_authorize_normal_action(arn)
        return operation(backend, checked(action, request))
