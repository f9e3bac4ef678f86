"""The head's modules import each other in one direction, for types too."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "docker" / "nextflow" / "nextflow_head"


def _name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_no_module_imports_one_that_imports_it() -> None:
    files = {_name(file): file for file in PACKAGE.rglob("*.py")}
    imports: dict[str, set[str]] = {}
    for module, file in files.items():
        names = {
            name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            for name in (f"{node.module}.{alias.name}", node.module)
        }
        # The package itself holds no code.
        imports[module] = names & files.keys() - {module, "nextflow_head"}

    TopologicalSorter(imports).prepare()

    assert sum(map(len, imports.values())) > len(files), "it reads imports"
