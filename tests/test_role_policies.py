"""IAM both ways: what is called is allowed, and what is allowed is called.

The calls are those of recorded runs of Nextflow (`make record-calls`), and of the worker's programs
on an emulated machine. The policies are the synthesized ones, decided by the evaluator that the
local AWS enforces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed import recorded_calls
from testbed.role_usage import Usage, usage_of
from testbed.unrecorded import REASONS
from testbed.worker_calls import WorkerCalls

if TYPE_CHECKING:
    from collections.abc import Callable

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
def test_every_recorded_call_is_allowed(usages: dict[str, Usage], name: str) -> None:
    assert usages[name].denied == []
    assert len(usages[name].callers) > 30


@pytest.mark.parametrize("name", SETTINGS)
def test_every_allowed_action_is_called_or_has_a_reason(
    usages: dict[str, Usage], name: str
) -> None:
    assert usages[name].unused() - set(REASONS) == set()


def test_no_reason_is_given_for_what_is_called_or_not_allowed(usages: dict[str, Usage]) -> None:
    unused = set.union(*(usage.unused() for usage in usages.values()))

    assert set(REASONS) - unused == set()
