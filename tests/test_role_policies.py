"""IAM both ways: what is called is allowed, and what is allowed is called.

The calls are those of recorded runs of Nextflow (`make record-calls`), and of the worker's programs
on an emulated machine. The policies are the synthesized ones, decided by the evaluator that the
local AWS enforces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed import permissions_table, recorded_calls
from testbed.role_usage import WORKER, Usage, usage_of
from testbed.unrecorded import REASONS
from testbed.worker_calls import WorkerCalls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testbed.synthesized import Templates

SETTINGS = ("default", "workshop")


@pytest.fixture(scope="module")
def usages(
    tmp_path_factory: pytest.TempPathFactory, templates: Callable[[str], Templates]
) -> dict[str, Usage]:
    folder = tmp_path_factory.mktemp("workers")
    return {
        name: usage_of(
            templates(name), name, recorded_calls.read(), WorkerCalls(folder / name, name)
        )
        for name in SETTINGS
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_every_call_of_a_worker_is_allowed(usages: dict[str, Usage], name: str) -> None:
    denied = [line for line in usages[name].denied if f"/{WORKER}/" in line]

    assert denied == []
    actions = {action for role, action in usages[name].callers if role == WORKER}
    assert {"ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyVolume"} <= actions
    assert {"ecs:UpdateContainerInstancesState", "logs:PutLogEvents"} <= actions


@pytest.mark.parametrize("name", SETTINGS)
def test_a_worker_may_do_nothing_that_nothing_calls(usages: dict[str, Usage], name: str) -> None:
    unused = {each for each in usages[name].unused() if each[0] == WORKER}

    assert unused == {each for each in REASONS if each[0] == WORKER}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_recorded_call_is_allowed(usages: dict[str, Usage], name: str) -> None:
    assert usages[name].denied == []


@pytest.mark.parametrize("name", SETTINGS)
def test_every_allowed_action_is_called_or_has_a_reason(
    usages: dict[str, Usage], name: str
) -> None:
    assert usages[name].unused() == set(REASONS)


def test_the_page_has_every_statement(tmp_path: Path) -> None:
    page = permissions_table.PAGE.read_text("utf-8")

    part = permissions_table.table(permissions_table.usage(tmp_path))
    assert page == permissions_table.rewritten(page, part), "run `make permissions`"
