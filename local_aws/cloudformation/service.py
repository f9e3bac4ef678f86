"""CloudFormation's API in front of the stacks, in the place of moto's."""

# ruff: noqa: D102 -- each public method answers the API call of its name

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation import urls
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from local_aws.cloudformation.change_sets import ChangeSet, ChangeSets
from local_aws.cloudformation.descriptions import (
    change_set_summary,
    resource_shown,
    template_shown,
    template_summary,
)
from local_aws.cloudformation.errors import ValidationError
from local_aws.cloudformation.stack import Stack
from local_aws.cloudformation.stacks import Request, Stacks
from local_aws.cloudformation.template import Template

_PAGE = 100


class CloudFormation:
    """The CloudFormation of every region.

    Args:
        client: Makes (and keeps) the boto3 client of a service in a region.
        account: The account's id.
    """

    def __init__(self, client: Callable[[str, str], Any], account: str) -> None:
        self._client = client
        self._account = account
        self._regions: dict[str, tuple[Stacks, ChangeSets]] = {}

    def stacks(self, region: str) -> Stacks:
        """Returns the stacks of a region."""
        return self._in(region)[0]

    def change_sets(self, region: str) -> ChangeSets:
        """Returns the change sets of a region."""
        return self._in(region)[1]

    def _in(self, region: str) -> tuple[Stacks, ChangeSets]:
        if region not in self._regions:
            stacks = Stacks(lambda service: self._client(service, region), self._account, region)
            self._regions[region] = (stacks, ChangeSets(stacks))
        return self._regions[region]

    @property
    def skipped(self) -> list[str]:
        """The resource types (and properties, as `Type.Property`) met that have no effect."""
        found = (stacks.handlers.skipped for stacks, _ in self._regions.values())
        return sorted(set().union(*found))

    def read_object(self, url: str) -> str:
        """Returns the template that a `TemplateURL` leads to, path-style or virtual-hosted."""
        parts = urlsplit(url)
        path = unquote(parts.path).lstrip("/")
        host = parts.hostname or ""
        bucket = host.partition(".s3.")[0] if ".s3." in host else ""
        if not bucket:
            bucket, _, path = path.partition("/")
        region = next(iter(self._regions), "us-west-2")
        answer = self._client("s3", region).get_object(Bucket=bucket, Key=path)
        text: str = answer["Body"].read().decode()
        return text


def install(client: Callable[[str, str], Any], account: str) -> CloudFormation:
    """Puts our CloudFormation in the place of moto's, without any stacks.

    Args:
        client: Makes (and keeps) the boto3 client of a service in a region.
        account: The account's id.
    """
    service = CloudFormation(client, account)
    CloudFormationResponse.service = service
    urls.url_paths["{0}/$"] = CloudFormationResponse.dispatch
    return service


class CloudFormationResponse(BaseResponse):  # type: ignore[misc]
    """Answers the calls of CloudFormation's query API."""

    service: CloudFormation

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def _stacks(self) -> Stacks:
        return self.service.stacks(self.region)

    @property
    def _change_sets(self) -> ChangeSets:
        return self.service.change_sets(self.region)

    def _stack(self) -> Stack:
        return self._stacks.find(self._get_param("StackName"))

    def _body(self) -> str | None:
        url = self._get_param("TemplateURL")
        if url:
            return self.service.read_object(url)
        body: str | None = self._get_param("TemplateBody")
        return body

    def _request(self) -> Request:
        tags = self._get_param("Tags")
        options = {
            "role_arn": self._get_param("RoleARN"),
            "capabilities": self._get_param("Capabilities") or [],
            "notification_arns": self._get_param("NotificationARNs") or [],
            "request_token": self._get_param("ClientRequestToken"),
            "disable_rollback": bool(self._get_param("DisableRollback")),
        }
        return Request(
            body=self._body(),
            parameters=self._get_param("Parameters") or [],
            tags=None if tags is None else {tag["Key"]: tag["Value"] for tag in tags},
            options=options,
        )

    def _rollback(self) -> bool:
        return not self._get_param("DisableRollback")

    def create_stack(self) -> ActionResult:
        request = self._request()
        on_failure = self._get_param("OnFailure")
        if on_failure is None:
            on_failure = "ROLLBACK" if self._rollback() else "DO_NOTHING"
        protected = bool(self._get_param("EnableTerminationProtection"))
        request = Request(
            request.body,
            request.parameters,
            request.tags,
            {**request.options, "protected": protected},
        )
        stack = self._stacks.create(self._get_param("StackName"), request, on_failure)
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        stack = self._stacks.update(
            self._get_param("StackName"), self._request(), rollback=self._rollback()
        )
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> ActionResult:
        self._stacks.delete(
            self._get_param("StackName"),
            self._get_param("RetainResources") or [],
            self._get_param("ClientRequestToken"),
        )
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = self._stack()
        stack.protected = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    def describe_stacks(self) -> ActionResult:
        name = self._get_param("StackName")
        stacks = [self._stacks.find(name)] if name else self._stacks.living()
        return self._page("Stacks", [stack.description() for stack in stacks])

    def list_stacks(self) -> ActionResult:
        wanted = self._get_param("StackStatusFilter")
        stacks = [item for item in self._stacks.all() if not wanted or item.status in wanted]
        summaries = []
        for stack in stacks:
            shown = stack.description()
            shown["TemplateDescription"] = shown.pop("Description")
            summaries.append(shown)
        return self._page("StackSummaries", summaries)

    def describe_stack_events(self) -> ActionResult:
        return self._page("StackEvents", self._stack().events[::-1])

    def describe_events(self) -> ActionResult:
        # There are no validation events: this CloudFormation has no early checks.
        return ActionResult({"OperationEvents": []})

    def describe_stack_resources(self) -> ActionResult:
        name = self._get_param("StackName")
        wanted = self._get_param("LogicalResourceId")
        physical = self._get_param("PhysicalResourceId")
        stacks = [self._stacks.find(name)] if name else self._stacks.living()
        found = [
            resource_shown(stack, item)
            for stack in stacks
            for item in stack.resources.values()
            if wanted in {None, item.logical_id} and physical in {None, item.physical_id}
        ]
        return ActionResult({"StackResources": found})

    def list_stack_resources(self) -> ActionResult:
        stack = self._stack()
        found = [resource_shown(stack, item) for item in stack.resources.values()]
        return self._page("StackResourceSummaries", found)

    def get_template(self) -> ActionResult:
        change_set = self._get_param("ChangeSetName")
        if change_set:
            item = self._change_sets.find(change_set, self._get_param("StackName"))
            return ActionResult(template_shown(item.revision.template))
        revision = self._stack().revision
        return ActionResult(
            template_shown(revision.template) if revision else {"TemplateBody": "{}"}
        )

    def get_template_summary(self) -> ActionResult:
        return ActionResult(template_summary(self._template()))

    def _template(self) -> Template:
        body = self._body()
        if body is not None:
            return Template(body)
        revision = self._stack().revision
        if revision is None:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        return revision.template

    def create_change_set(self) -> ActionResult:
        item = self._change_sets.create(
            self._get_param("StackName"),
            self._get_param("ChangeSetName"),
            self._get_param("ChangeSetType") or "UPDATE",
            self._request(),
            self._get_param("Description"),
        )
        return ActionResult({"Id": item.arn, "StackId": item.stack.stack_id})

    def _change_set(self) -> ChangeSet:
        return self._change_sets.find(
            self._get_param("ChangeSetName"), self._get_param("StackName")
        )

    def describe_change_set(self) -> ActionResult:
        item = self._change_set()
        parameters = item.revision.parameters.values()
        shown = {
            **change_set_summary(item),
            "Parameters": [parameter.description() for parameter in parameters],
            "Tags": [{"Key": key, "Value": value} for key, value in item.revision.tags.items()],
            "NotificationARNs": item.options.get("notification_arns"),
            "Capabilities": item.options.get("capabilities"),
        }
        return self._page("Changes", item.changes, **shown)

    def list_change_sets(self) -> ActionResult:
        items = self._change_sets.of(self._stack())
        return self._page("Summaries", [change_set_summary(item) for item in items])

    def delete_change_set(self) -> ActionResult:
        self._change_sets.delete(self._get_param("ChangeSetName"), self._get_param("StackName"))
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        token = self._get_param("ClientRequestToken")
        self._change_sets.execute(self._change_set(), rollback=self._rollback(), token=token)
        return EmptyResult()

    def list_exports(self) -> ActionResult:
        exports = [
            {"ExportingStackId": stack.stack_id, "Name": name, "Value": value}
            for stack in self._stacks.living()
            for name, value in stack.exports.items()
        ]
        return self._page("Exports", exports)

    def _page(self, name: str, items: list[Any], **more: Any) -> ActionResult:
        start = int(self._get_param("NextToken") or 0)
        end = start + _PAGE
        token = str(end) if end < len(items) else None
        return ActionResult({**more, name: items[start:end], "NextToken": token})
