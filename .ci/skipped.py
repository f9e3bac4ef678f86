"""Prints the tests that a report says were skipped, an argument of pytest a line.

    python .ci/skipped.py REPORT

The report is one of `pytest --junitxml=REPORT`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree


def skipped(report: Path) -> Iterator[str]:
    """The node ids of the tests; of a module that was skipped as a whole, its file."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - of our own pytest
        if case.find("skipped") is None:
            continue
        module, name = case.get("classname"), case.get("name", "")
        yield f"{_file(module)}::{name}" if module else _file(name)


def _file(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


if __name__ == "__main__":
    print("\n".join(skipped(Path(sys.argv[1]))))
