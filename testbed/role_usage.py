"""Which calls of recorded runs a deployment's policies allow, and which of their actions are used."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_aws.iam.access_control import context_of, message_of
from local_aws.iam.evaluation import Principal, denial_of
from local_aws.iam.keys import Keys
from local_aws.iam.needs import needs_of
from local_aws.iam.policy import Need, action_matches
from local_aws.server import ACCOUNT
from testbed import janitor_calls
from testbed.roles import Role, cluster_of, roles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk.assertions import Template

    from testbed.recorded_calls import RoleCall
    from testbed.worker_calls import WorkerCalls

WORKER = "WorkerRole"
REGION = "us-west-2"
#: Which settings the recorded runs had.
RECORDED = "workshop"
_TAGS = ("aws:RequestTag/", "aws:ResourceTag/", "aws:PrincipalTag/")


@dataclass
class Usage:
    """How a deployment's roles and the recorded calls fit.

    Attributes:
        roles: The roles.
        denied: What was called and is not allowed, in AWS's words.
        callers: Who calls, by role and action.
    """

    roles: list[Role]
    denied: list[str] = field(default_factory=list)
    callers: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def unused(self) -> set[tuple[str, str]]:
        """Return the allowed actions that nothing calls, by role."""
        return {
            (role.name, action)
            for role in self.roles
            if not is_assumed_by_a_service(role)
            for action in allowed_actions(role)
            if not self.callers_of(role.name, action)
        }

    def callers_of(self, role: str, action: str) -> set[str]:
        """Return who calls an action of a policy, which may have wildcards."""
        return {
            caller
            for (name, called), callers in self.callers.items()
            for caller in callers
            if name == role and action_matches(called, action)
        }


def is_assumed_by_a_service(role: Role) -> bool:
    """Tell whether AWS itself holds a role, rather than a program of ours or of a pipeline."""
    return set(role.services) <= {"batch.amazonaws.com", "vpc-flow-logs.amazonaws.com"}


def allowed_actions(role: Role) -> list[str]:
    """Return the actions that a role's statements allow."""
    found = {action for each in role.allowed if each.allows for action in each.actions}
    return sorted(found)


def usage_of(
    templates: Mapping[str, Template],
    deployment: str,
    recorded: list[RoleCall],
    workers: WorkerCalls,
) -> Usage:
    """Hold recorded calls against the policies of a deployment.

    Args:
        templates: Its templates.
        deployment: Its name, the value of its tag.
        recorded: What roles needed in recorded runs.
        workers: What workers' programs call.
    """
    usage = Usage(roles_of(templates))
    principals = {role.name: _principal(role) for role in usage.roles}
    for entry in recorded:
        need = _need(entry, principals[entry.role], deployment)
        _hold(usage, entry.role, principals[entry.role], need, entry.caller)
    for role in usage.roles:
        module = janitor_calls.module_of(role.name)
        for action in allowed_actions(role) if module else ():
            if janitor_calls.calls(str(module), action):
                usage.callers[role.name, action].add(f"`{module}.py`")
    for call in workers.of(principals[WORKER], cluster_of(templates)):
        for need in needs_of(call):
            _hold(usage, WORKER, principals[WORKER], need, "the worker's programs")
    return usage


def _hold(usage: Usage, role: str, principal: Principal, need: Need, caller: str) -> None:
    denial = denial_of(principal, need)
    if denial:
        usage.denied.append(message_of(principal, denial))
    else:
        usage.callers[role, need.action].add(caller)


def _principal(role: Role) -> Principal:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role.name}"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/session"
    return Principal(session, arn, role.allowed, None, None, {})


def _need(call: RoleCall, principal: Principal, deployment: str) -> Need:
    own = {key: deployment if value == RECORDED else value for key, value in call.keys.items()}
    resource = call.resource.replace(f"/nf-{RECORDED}_", f"/nf-{deployment}_")
    if deployment != RECORDED:
        # The names of the recorded deployment's queues are literal.
        resource = resource.replace(":job-queue/", f":job-queue/{deployment}-")
    service = call.action.partition(":")[0]
    values = {**context_of(principal, REGION, source=""), **own}
    return Need(call.action, resource, Keys(values, (*_TAGS, f"{service}:ResourceTag/")))
