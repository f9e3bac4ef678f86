"""Writes the generated part of docs/permissions.md: each role's statements and who needs them.

python -m testbed.permissions_table
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stacks import paths
from testbed import recorded_calls
from testbed.role_usage import Usage, is_assumed_by_a_service, usage_of
from testbed.synthesized import changed, of
from testbed.unrecorded import OF_SETTINGS, REASONS
from testbed.worker_calls import WorkerCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_aws.iam.policy import Statement
    from stacks.settings import Settings

PAGE = paths.ROOT / "docs" / "permissions.md"
BEGIN = "<!-- Generated from here by `make permissions`. -->"
END = "<!-- Generated up to here. -->"
# Of an asset, so of the programs' content.
_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def everything() -> Settings:
    """The default settings with all that brings further permissions."""
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:NAME-aB3dE5"
    return changed(
        "default",
        storage__customer_key=True,
        storage__reference_buckets=["1000genomes"],
        head__git_secret=secret,
        registries__quay=True,
        worker__session_manager=True,
        worker__image_repositories=["our-tools"],
    )


def usage(folder: Path) -> Usage:
    """Hold the recorded calls against the policies of all of that."""
    templates = of(everything())
    return usage_of(templates, "default", recorded_calls.read(), WorkerCalls(folder, "default"))


def table(found: Usage) -> str:
    """Return the generated part in Markdown."""
    lines = []
    for role in found.roles:
        if is_assumed_by_a_service(role):
            continue
        lines += [f"### {role.name}", "", "| action | resource | condition | called by |"]
        lines.append("|---|---|---|---|")
        for statement in role.allowed:
            lines += _rows(found, role.name, statement)
        lines.append("")
    return "\n".join(lines)


def _rows(found: Usage, role: str, statement: Statement) -> Iterator[str]:
    by_caller: dict[str, list[str]] = defaultdict(list)
    for action in statement.actions:
        callers = " and ".join(sorted(found.callers_of(role, action)))
        by_caller[callers or REASONS.get((role, action)) or OF_SETTINGS[action]].append(action)
    resource = ", ".join(f"`{_short(each)}`" for each in statement.resources)
    conditions = ", ".join(
        f"`{key}` {operator} {_text(value)}"
        for operator, entries in statement.condition.items()
        for key, value in entries.items()
    )
    if not statement.allows:
        denied = ", ".join(statement.actions)
        yield f"| denied: {denied} | {resource} | {conditions} | |"
        return
    for caller, actions in by_caller.items():
        yield f"| {', '.join(actions)} | {resource} | {conditions} | {caller} |"


def _short(arn: str) -> str:
    """An ARN without what all of them share."""
    parts = _HASH.sub("HASH", arn).split(":", 5)
    return arn if len(parts) < 6 else f"{parts[2]}: {parts[5]}"


def _text(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def rewritten(page: str, part: str) -> str:
    """Return the page with the generated part anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{part}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the page."""
    with TemporaryDirectory() as folder:
        part = table(usage(Path(folder)))
    PAGE.write_text(rewritten(PAGE.read_text("utf-8"), part), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
