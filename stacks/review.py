"""Writes what `cdk diff` says as a comment on a pull request, with what is replaced first.

Exits with status 3 if data would be replaced or deleted, unless REPLACE_DATA is set: a bucket, a
key or a log group that is replaced takes what is in it out of the deployment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from stacks.difference import readable

#: GitHub takes 65,536 characters: https://github.com/orgs/community/discussions/41331
_LONGEST = 60_000
_REFUSED = 3
_DATA = ("AWS::ECR::Repository", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket")
_RESOURCE = re.compile(r"\[[+~-]\] (\S+::\S+) (.*)")
#: The role of reviews reads stacks itself: docs/pipeline.md
_WARNINGS = re.compile(
    r"^.*(could not be used to assume .* Proceeding anyway"
    r"|was not assumed\. Proceeding with default credentials)\.\n",
    re.MULTILINE,
)
_GONE = re.compile(r"\b(replace|may be replaced|destroy|orphan)$")


def lost(difference: str) -> list[str]:
    """What is replaced or deleted, data first.

    Args:
        difference: The readable output of `cdk diff`.

    Returns:
        A line for each resource.
    """
    found = [
        match
        for line in difference.splitlines()
        if (match := _RESOURCE.match(line)) and _GONE.search(match[2])
    ]
    return [match[0] for match in sorted(found, key=lambda match: match[1] not in _DATA)]


def data(lines: list[str]) -> list[str]:
    """Those of the resources that hold data."""
    return [line for line in lines if any(f" {kind} " in line for kind in _DATA)]


def comment(difference: str, settings: str, *, allowed: bool) -> str:
    """The comment.

    Args:
        difference: The readable output of `cdk diff`.
        settings: The name of the settings file.
        allowed: Whether data may be replaced.

    Returns:
        Markdown.
    """
    gone = lost(difference)
    parts = [f"### What deploying `{settings}` would change"]
    if held := data(gone):
        answer = (
            "allowed by the label `replace-data`"
            if allowed
            else "refused; the label `replace-data` allows it"
        )
        parts.append(f"**Data would be replaced or deleted**: {answer}.")
        parts.append("\n".join(f"- `{line}`" for line in held))
    if others := [line for line in gone if line not in held]:
        parts.append("Replaced or deleted:")
        parts.append("\n".join(f"- `{line}`" for line in others))
    if not gone:
        parts.append("Nothing is replaced or deleted.")
    text = difference[:_LONGEST]
    if len(difference) > _LONGEST:
        text += "\n… `make diff` shows the rest"
    parts.append(f"<details><summary>All changes</summary>\n\n```\n{text}\n```\n</details>")
    return "\n\n".join(parts) + "\n"


def main(settings: str) -> int:
    """Print the comment.

    Args:
        settings: The name of the settings file.

    Returns:
        The exit status.
    """
    # Without a change set, for which the role of reviews has no permission.
    command = ["cdk", "diff", "--no-change-set", "--context", f"settings={settings}"]
    run = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if run.returncode:
        print(run.stdout, file=sys.stderr)
        return run.returncode
    # What is before the first stack are warnings, too.
    _, stack, changes = _WARNINGS.sub("", run.stdout).partition("Stack ")
    difference = readable(f"{stack}{changes}".strip())
    allowed = bool(os.environ.get("REPLACE_DATA"))
    print(comment(difference, settings, allowed=allowed), end="")
    return _REFUSED if data(lost(difference)) and not allowed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
