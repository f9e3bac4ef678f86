"""The stacks of one region, and what can be asked of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock, Thread
from typing import Any
from uuid import uuid4

from local_aws.cloudformation.api import Api, ApiError
from local_aws.cloudformation.engine import Engine, Rest
from local_aws.cloudformation.errors import AlreadyExistsError, ValidationError
from local_aws.cloudformation.exports import Exports
from local_aws.cloudformation.handlers import Handlers
from local_aws.cloudformation.revision import Revision, Surroundings, revise
from local_aws.cloudformation.stack import Stack

#: Seconds: clients wait for a minute.
_ANSWER_WITHIN = 40
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_UPDATABLE = re.compile(
    r"(CREATE|UPDATE|IMPORT)_COMPLETE|UPDATE_ROLLBACK_COMPLETE|(CREATE|UPDATE)_FAILED"
)


@dataclass(frozen=True)
class Request:
    """What CreateStack, UpdateStack and CreateChangeSet have in common.

    Attributes:
        body: The template's text; `None` keeps the stack's template.
        parameters: As the API takes them.
        tags: The stack's tags; `None` keeps those it has.
        options: Attributes of `Stack` to set, such as `role_arn`.
    """

    body: str | None
    parameters: list[dict[str, Any]]
    tags: Mapping[str, str] | None
    options: Mapping[str, Any] = field(default_factory=dict)


class Stacks:
    """The stacks of one region.

    Args:
        client: Makes (and keeps) the boto3 client of a service in this region.
        account: The account's id.
        region: The region's name.

    Attributes:
        exports: What they share.
        handlers: Make the resources; know what was skipped.
        lock: Held while a stack changes.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        account: str,
        region: str,
    ) -> None:
        self._api = Api(client)
        self._account = account
        self._region = region
        self._stacks: dict[str, Stack] = {}
        self.exports = Exports(self.living)
        self.handlers = Handlers(self._api)
        self.lock = RLock()
        self._engine = Engine(self.handlers, self.exports)

    def all(self) -> list[Stack]:
        """Returns every stack, deleted ones too."""
        return list(self._stacks.values())

    def living(self) -> list[Stack]:
        """Returns the stacks that exist."""
        return [stack for stack in self.all() if stack.status != "DELETE_COMPLETE"]

    def find(self, name_or_id: str) -> Stack:
        """Returns a stack; one that is deleted only by its id.

        Raises:
            ValidationError: If there is none.
        """
        if name_or_id in self._stacks:
            return self._stacks[name_or_id]
        for stack in self.living():
            if stack.name == name_or_id:
                return stack
        raise ValidationError(f"Stack with id {name_or_id} does not exist")

    def create(self, name: str, request: Request, on_failure: str) -> Stack:
        """Creates a stack.

        Args:
            name: Its name.
            request: What it is to be.
            on_failure: `ROLLBACK`, `DELETE` or `DO_NOTHING`, as CreateStack takes it.

        Raises:
            AlreadyExistsError: If a stack has the name.
            ValidationError: If the template or its parameters are refused.
        """
        with self.lock:
            stack = self._new(name)
            revision = self.revise(stack, request)
            self.exports.check(stack, revision)
            _apply(request.options, stack)
            self._stacks[stack.stack_id] = stack
            rest = self._engine.create(stack, revision, on_failure)
        work(rest)
        return stack

    def update(self, name: str, request: Request, *, rollback: bool) -> Stack:
        """Updates a stack.

        Raises:
            ValidationError: If there is nothing to update or the template is refused.
        """
        with self.lock:
            stack = self.to_be_changed(name, create=False)
            revision = self.revise(stack, request)
            if self.is_at(stack, revision):
                raise ValidationError("No updates are to be performed.")
            rest = self.bring(stack, revision, request.options, rollback=rollback)
        work(rest)
        return stack

    def delete(self, name: str, retain: list[str], token: str | None) -> None:
        """Deletes a stack; one that does not exist is no error.

        Raises:
            ValidationError: If it is protected or another stack uses its exports.
        """
        with self.lock:
            try:
                stack = self.find(name)
            except ValidationError:
                return
            if stack.status == "DELETE_COMPLETE":
                return
            if stack.protected:
                raise ValidationError(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            self.exports.check_unused(stack.exports)
            stack.request_token = token
            rest = self._engine.delete(stack, retain)
        work(rest)

    def to_be_changed(self, name: str, *, create: bool) -> Stack:
        """Returns the stack that a change is for; a new one if it is to be created.

        Raises:
            AlreadyExistsError: If it is to be created and exists.
            ValidationError: If it does not exist, or is in no state to be changed.
        """
        if create:
            for stack in self.living():
                if name in {stack.name, stack.stack_id} and stack.status == "REVIEW_IN_PROGRESS":
                    return stack
            return self._new(name)
        stack = self.find(name)
        if not _UPDATABLE.fullmatch(stack.status):
            raise ValidationError(
                f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            )
        return stack

    def announce(self, stack: Stack) -> None:
        """Lets a stack exist that a change set is to create."""
        if stack.stack_id not in self._stacks:
            self._stacks[stack.stack_id] = stack
            stack.enter("REVIEW_IN_PROGRESS", "User Initiated")

    def bring(
        self, stack: Stack, revision: Revision, options: Mapping[str, Any], *, rollback: bool
    ) -> Rest:
        """Begins to bring a stack to a revision; returns the rest.

        Raises:
            ValidationError: If another stack's exports stand against it.
        """
        self.exports.check(stack, revision)
        _apply(options, stack)
        if stack.status == "REVIEW_IN_PROGRESS":
            return self._engine.create(stack, revision, "ROLLBACK" if rollback else "DO_NOTHING")
        return self._engine.update(stack, revision, rollback=rollback)

    @staticmethod
    def is_at(stack: Stack, revision: Revision) -> bool:
        """Returns whether a stack is what a revision asks for already."""
        settled = not stack.status.endswith("FAILED")
        return settled and stack.revision is not None and revision.same_as(stack.revision)

    def revise(self, stack: Stack, request: Request) -> Revision:
        """Returns the revision that a request asks of a stack.

        Raises:
            ValidationError: If the template or its parameters are refused.
        """
        before = stack.revision
        body = request.body if request.body is not None else before and before.template.body
        if not body:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        tags = request.tags if request.tags is not None else (before.tags if before else {})
        revision = revise(
            body,
            request.parameters,
            tags,
            stack_id=stack.stack_id,
            previous=before.parameters if before else {},
            surroundings=Surroundings(
                account=self._account,
                region=self._region,
                imports=lambda name: self.exports.take(stack, name),
                zones=self._zones,
                ssm=self._ssm_parameter,
            ),
        )
        _check_types(stack, revision)
        return revision

    def arn(self, resource: str) -> str:
        """Makes an ARN of this account and region."""
        return f"arn:aws:cloudformation:{self._region}:{self._account}:{resource}"

    def _new(self, name: str) -> Stack:
        if not _NAME.fullmatch(name):
            raise ValidationError(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        if any(stack.name == name for stack in self.living()):
            raise AlreadyExistsError(f"Stack [{name}] already exists")
        return Stack(name, self.arn(f"stack/{name}/{uuid4()}"))

    def _zones(self, region: str) -> list[str]:
        answer = self._api.call("ec2", "describe_availability_zones")
        zones = [str(zone["ZoneName"]) for zone in answer["AvailabilityZones"]]
        own = sorted(zone for zone in zones if zone.startswith(region))
        if not own:
            raise ValidationError(
                f"Template validation error: Invalid region {region} in Fn::GetAZs"
            )
        return own

    def _ssm_parameter(self, name: str) -> str:
        try:
            answer = self._api.call("ssm", "get_parameter", Name=name)
        except ApiError as error:
            raise ValidationError(
                f"Unable to fetch parameters [{name}] from parameter store for this account."
            ) from error
        return str(answer["Parameter"]["Value"])


def work(rest: Rest) -> None:
    """Does the rest of a change: the request waits for it, unless resources take long."""
    thread = Thread(target=rest, name="cloudformation", daemon=True)
    thread.start()
    thread.join(_ANSWER_WITHIN)


def _apply(options: Mapping[str, Any], stack: Stack) -> None:
    for name, value in options.items():
        setattr(stack, name, value)


def _check_types(stack: Stack, revision: Revision) -> None:
    """Refuses a template that gives a resource's name to one of another type."""
    types = {name: resource.type for name, resource in stack.resources.items()}
    changed = [
        item.logical_id
        for item in revision.declarations
        if types.get(item.logical_id, item.type) != item.type
    ]
    if changed:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type "
            f"of the following resources: [{', '.join(changed)}]"
        )
