"""Prose has one line width, and a link to a file or heading of ours leads somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stacks import paths
from stacks.settings_file import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH = 100  # of the code too, see pyproject.toml
DOCUMENTS = [
    *sorted(paths.ROOT.glob("*.md")),
    *sorted((paths.ROOT / "docs").rglob("*.md")),
    paths.ROOT / "local_aws" / "README.md",
]
each_document = pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if path.exists()],
    ids=lambda path: str(path.relative_to(paths.ROOT)),
)


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside of blocks of code and tables, with their numbers."""
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = line.lstrip().startswith("```")
        code ^= fence
        if not code and not fence and not line.startswith("|"):
            yield number, line


def _is_too_long(line: str) -> bool:
    """Whether a line could be broken; an address alone on its line cannot."""
    text = re.sub(r"^\s*([-*]|\d+\.)?\s*", "", line)
    return len(line) > WIDTH and " " in text and not line.startswith("#")


@each_document
def test_prose_fits_the_width(document: Path) -> None:
    assert [number for number, line in _prose(document.read_text()) if _is_too_long(line)] == []


def _anchors(text: str) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = document.parent / name if name else document
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text())):
            broken.append(target)

    assert broken == []


def test_the_readmes_settings_are_valid() -> None:
    readme = (paths.ROOT / "README.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)

    assert parse(example, "settings/lab.yaml").deployment == "lab"


def test_the_readmes_files_are_there() -> None:
    readme = (paths.ROOT / "README.md").read_text()
    table = readme.partition("| to change |")[2].partition("\n\n")[0]
    files = re.findall(r"`(\w+\.py)`", table)

    assert [
        name for name in files if not (paths.ROOT / "constructs" / "nextflow_batch" / name).exists()
    ] == []
