"""How to get from what is deployed to other settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal

from stacks.transition import effects
from stacks.transition.template import StackTemplate, references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Step:
    """One operation on one stack."""

    action: Literal["deploy", "destroy"]
    stack: str


@dataclass
class Plan:
    """What is to be done.

    Attributes:
        steps: In this order.
        effects: What they do to jobs that run.
        refusals: Why they cannot be done, and what to do first; nothing is done then.
    """

    steps: list[Step] = field(default_factory=list)
    effects: list[effects.Effect] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def make(declared: Sequence[StackTemplate], deployed: Mapping[str, StackTemplate]) -> Plan:
    """Plan a deploy.

    Args:
        declared: The stacks of the settings, each after those that it uses.
        deployed: The deployment's stacks that exist, by name, also those that the settings do not
            declare any more.

    Returns:
        The plan.
    """
    plan = Plan()
    names = {stack.name for stack in declared}
    obsolete = [stack for name, stack in deployed.items() if name not in names]
    before: dict[str, set[str]] = {stack.name: set() for stack in [*declared, *obsolete]}
    for position, stack in enumerate(declared):
        old = deployed.get(stack.name)
        users = [*declared[position + 1 :], *obsolete]
        for user in users:
            first, refusal = _order(stack, old, user, deployed.get(user.name), user in obsolete)
            before[user.name if first is stack else stack.name].add(first.name)
            plan.refusals += [refusal] if refusal else []
        if old:
            plan.effects += effects.on_jobs(old, stack)
            plan.refusals += [*_lost_data(old, stack), *_other_scheduling(old, stack)]
    plan.refusals = list(dict.fromkeys(plan.refusals))
    for stack in obsolete:
        before[stack.name] |= {
            other.name for other in deployed.values() if other.imports & stack.exports.keys()
        }
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " before ".join(error.args[1])
        plan.refusals.append(f"no order of the stacks works ({circle}): deploy fewer changes first")
        return plan
    plan.steps = [Step("deploy" if name in names else "destroy", name) for name in order]
    return plan


def _order(
    stack: StackTemplate,
    old: StackTemplate | None,
    user: StackTemplate,
    user_before: StackTemplate | None,
    is_obsolete: bool,
) -> tuple[StackTemplate, str | None]:
    """Which of two stacks goes first, and why neither can."""
    if not (old and user_before):
        return stack, None
    imports = set() if is_obsolete else user.imports
    gone = old.exports.keys() - stack.exports.keys()
    replaced = old.replaced_by(stack)
    changed = {
        name: names
        for name, value in old.exports.items()
        if (names := references(value) & replaced)
    }
    if kept := changed.keys() & user_before.imports & imports:
        return stack, _in_use(old, stack, min(changed[min(kept)]), user.name)
    if not (gone | changed.keys()) & user_before.imports:
        return stack, None
    if missing := (imports & stack.exports.keys()) - old.exports.keys():
        needed = references(stack.exports[min(missing)]) or missing
        return stack, _in_use(old, stack, min(needed), user.name)
    return user, None


def _in_use(old: StackTemplate, new: StackTemplate, logical_id: str, user: str) -> str:
    before, after = (stack.resources.get(logical_id, {}) for stack in (old, new))
    kind = (after or before).get("Type", "")
    if kind == "AWS::S3::Bucket":
        bucket = old.ids.get(logical_id, "the bucket of the deployment")
        return (
            "storage.bucket: the deployment cannot change to another new bucket at once, because"
            f" its stacks use {bucket}: deploy first with storage.existing_bucket: {bucket}; it"
            " stays, with its data"
        )
    setting = new.name
    if kind == "AWS::IAM::ManagedPolicy":
        paths = [resource.get("Properties", {}).get("Path") for resource in (before, after)]
        setting = "roles.name_prefix" if paths[0] == paths[1] else "roles.path"
    return (
        f"{setting}: {kind} {logical_id} would be replaced while {user} uses it: first destroy"
        f" {user}, which holds no data (npx cdk destroy {user} -c settings=NAME)"
    )


def _lost_data(old: StackTemplate, new: StackTemplate) -> Iterator[str]:
    for what in effects.on_data(old, new):
        yield (
            f"{new.name}: {what} would be deleted with what it holds: deploy first with"
            " storage.delete_with_stack: false and storage.delete_data_for_good: false"
        )


def _other_scheduling(old: StackTemplate, new: StackTemplate) -> Iterator[str]:
    """A queue that gets or loses shares.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdateJobQueue.html
    """
    changed = []
    for logical_id, resource in new.resources.items():
        if resource["Type"] != "AWS::Batch::JobQueue" or logical_id not in old.resources:
            continue
        before = old.resources[logical_id]["Properties"]
        after = resource["Properties"]
        has_changed = ("SchedulingPolicyArn" in before) != ("SchedulingPolicyArn" in after)
        if has_changed and before.get("JobQueueName") == after.get("JobQueueName"):
            changed.append(str(after.get("JobQueueName")))
    if changed:
        yield (
            f"shares: a queue cannot get or lose them, as {', '.join(changed)} would:"
            f" first destroy {new.name}, which holds no data (npx cdk destroy {new.name} -c"
            " settings=NAME)"
        )
