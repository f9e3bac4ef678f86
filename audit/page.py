"""Writes docs/audit.md: each finding that is acknowledged, with the reason."""

from __future__ import annotations

from stacks import jsii_cache, paths

jsii_cache.choose(paths.ROOT)

from audit import declared, variants  # noqa: E402 - jsii reads its cache when it is imported
from audit.finding import short  # noqa: E402

_INTRODUCTION = """\
# What the audit finds, and why it may stay

`make audit` holds the templates of each settings file, and of variants of the default ones, against
cdk-nag's rule packs (AwsSolutions, HIPAA, NIST 800-53 revision 5, PCI DSS), checkov and cfn-lint.
`make audit SETTINGS=lab` does so with your own settings. It fails on each finding that is not
acknowledged here. The packs judge templates; they replace neither a risk analysis nor an auditor.

An acknowledgement is written next to its resource, with `acknowledgements.acknowledge` or
`wildcards.justify`. A test compares this page, which `make schema` writes, with the code, and fails
on acknowledgements that no finding needs. A rule without a pack's name is one of HIPAA, NIST 800-53
and PCI.
"""


def page() -> str:
    """The page."""
    rules: dict[tuple[str, str, str], dict[str, None]] = {}
    for settings in variants.all_of_them().values():
        for each in declared.read(settings).acknowledgements:
            path = each.path.removeprefix(f"nextflow-{settings.deployment}-")
            rules.setdefault((each.file, path, each.reason), {})[short(each.rule)] = None
    rows = [
        f"| {path} | {', '.join(f'`{rule}`' for rule in names)} | {reason} | `{file}` |"
        for (file, path, reason), names in sorted(rules.items())
    ]
    header = ["| resource | rules | why it may stay | where it is written |", "|---|---|---|---|"]
    return "\n".join([_INTRODUCTION, *header, *rows]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
