"""Batch's HTTP API: routes a request to its operation and writes the answer."""

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.core.responses import BaseResponse
from werkzeug.exceptions import HTTPException

from local_aws.batch.errors import ClientException, request_error
from local_aws.batch.operations import (
    compute_environments,
    job_definitions,
    job_queues,
    jobs,
    scheduling_policies,
    tags,
)
from local_aws.batch.operations.submission import submit
from local_aws.batch.request import checked, service_model
from local_aws.batch.service import Batch, batch_of

Json = dict[str, Any]

_TAGS = "/v1/tags/"
_TAG_OPERATIONS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}

_OPERATIONS: dict[str, Callable[[Batch, Json], Json]] = {
    "CancelJob": jobs.cancel,
    "CreateComputeEnvironment": compute_environments.create,
    "CreateJobQueue": job_queues.create,
    "CreateSchedulingPolicy": scheduling_policies.create,
    "DeleteComputeEnvironment": compute_environments.delete,
    "DeleteJobQueue": job_queues.delete,
    "DeleteSchedulingPolicy": scheduling_policies.delete,
    "DeregisterJobDefinition": job_definitions.deregister,
    "DescribeComputeEnvironments": compute_environments.describe,
    "DescribeJobDefinitions": job_definitions.describe,
    "DescribeJobQueues": job_queues.describe,
    "DescribeJobs": jobs.describe,
    "DescribeSchedulingPolicies": scheduling_policies.describe,
    "GetJobQueueSnapshot": job_queues.snapshot,
    "ListJobs": jobs.list_,
    "ListTagsForResource": tags.show,
    "RegisterJobDefinition": job_definitions.register,
    "SubmitJob": submit,
    "TagResource": tags.add,
    "TerminateJob": jobs.terminate,
    "UntagResource": tags.remove,
    "UpdateComputeEnvironment": compute_environments.update,
    "UpdateJobQueue": job_queues.update,
    "UpdateSchedulingPolicy": scheduling_policies.update,
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
            # moto writes errors as XML, which no SDK reads from a JSON service.
            kind = str(getattr(error, "error_type", "ServerException"))
            message = getattr(error, "message", None) or error.description
            headers["x-amzn-ErrorType"] = kind
            return error.code or 500, headers, json.dumps({"__type": kind, "message": message})

    def _answer(self) -> Json:
        action = self._get_action()
        operation = _OPERATIONS.get(action)
        if operation is None:
            raise ClientException(f"The local AWS has no Batch operation {action or self.path}")
        batch = batch_of(self.current_account, self.region)
        return operation(batch, checked(action, self._request()))
