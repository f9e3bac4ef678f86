"""Audits all settings files and their variants, or one file: `python -m audit [SETTINGS]`."""

from __future__ import annotations

import sys

from stacks import jsii_cache, paths

jsii_cache.choose(paths.ROOT)

from audit import report, variants  # noqa: E402 - jsii reads its cache when it is imported
from audit.linters import LinterError  # noqa: E402
from stacks import settings_file  # noqa: E402


def main(arguments: list[str]) -> int:
    """Print what is found; returns 1 if something of it is not acknowledged."""
    audits = {}
    try:
        if arguments:
            (name,) = arguments
            chosen = {name: settings_file.read(paths.SETTINGS, name)}
        else:
            chosen = variants.all_of_them()
        for name, settings in chosen.items():
            audits[name] = report.audit(settings)
    except (settings_file.SettingsError, LinterError) as error:
        print(error, file=sys.stderr)
        return 2
    print("Findings, and in brackets those that are not acknowledged (reasons: docs/audit.md):\n")
    print(report.table(audits))
    problems = [f"{name}: {problem}" for name, each in audits.items() for problem in each.problems]
    if not arguments:
        problems += [
            f"{each.file}: the acknowledgement of {each.rule} at {each.path} has no finding:"
            " remove it"
            for each in report.dead(audits.values())
        ]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
