"""Prints the tests that a report says were skipped, an argument of pytest a line.

    python .ci/skipped.py REPORT

The report is one of `pytest --junitxml=REPORT`.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def skipped(report: Path) -> list[str]:
    """The node ids of the tests; of a module that was skipped as a whole, its file."""
    return [
        "::".join(filter(None, (_file(case.get("classname") or case.get("name", "")), name)))
        for case in ElementTree.parse(report).iter("testcase")  # noqa: S314 - of our own pytest
        if case.find("skipped") is not None
        for name in [case.get("name", "") if case.get("classname") else ""]
    ]


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


if __name__ == "__main__":
    print("\n".join(skipped(Path(sys.argv[1]))))
