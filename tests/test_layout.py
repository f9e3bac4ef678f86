"""The house: who may import whom, and that this checkout is what is tested."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

import constructs
import pytest

import nextflow_batch

pytestmark = pytest.mark.xdist_group("cdk")

ROOT = Path(__file__).resolve().parents[1]
#: Each part's folder and the parts that it may import.
MAY_IMPORT = {
    "app.py": {"stacks", "nextflow_batch"},
    "stacks": {"nextflow_batch", "assets"},
    "constructs/nextflow_batch": set[str](),
    "docker/nextflow/nextflow_head": set[str](),
    "assets/worker/nextflow_worker": set[str](),
    "assets/go_program.py": set[str](),
    "local_aws": {"assets"},
    "benchmarks": {"assets", "local_aws", "nextflow_head", "nextflow_worker", "stacks", "testbed"},
    "testbed": {"local_aws", "nextflow_batch", "nextflow_head", "nextflow_worker", "stacks"},
    "tests/support": {
        "assets",
        "local_aws",
        "nextflow_head",
        "nextflow_worker",
        "stacks",
        "testbed",
    },
}
OWN_NAME = {
    "stacks": "stacks",
    "constructs/nextflow_batch": "nextflow_batch",
    "docker/nextflow/nextflow_head": "nextflow_head",
    "assets/worker/nextflow_worker": "nextflow_worker",
    "local_aws": "local_aws",
    "benchmarks": "benchmarks",
    "testbed": "testbed",
    "tests/support": "tests",
}
PARTS = {*OWN_NAME.values(), "app", "assets"}


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_run_one_way(part: str) -> None:
    path = ROOT / part
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    allowed = MAY_IMPORT[part] | {OWN_NAME.get(part, "")}

    strangers = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in _imports(file) & PARTS - allowed
    }

    assert files
    assert strangers == set()


def test_examples_use_the_library_as_any_other_app_does() -> None:
    files = sorted((ROOT / "examples").glob("*.py"))
    foreign = {name for file in files for name in _imports(file)} - set(sys.stdlib_module_names)

    assert files
    assert foreign - {"constructs"} == {"aws_cdk", "nextflow_batch"}


def test_the_package_constructs_is_the_one_from_pypi() -> None:
    assert "site-packages" in inspect.getfile(constructs.Construct)
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_the_library_is_this_checkouts() -> None:
    assert Path(nextflow_batch.__file__).is_relative_to(ROOT)


def test_the_librarys_names_are_complete_and_sorted() -> None:
    names = list(nextflow_batch.__all__)

    assert all(hasattr(nextflow_batch, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_one_jsii_process_serves_all_tests() -> None:
    """Each further file that imports the CDK would start another on the other worker."""
    grouped = 'pytestmark = pytest.mark.xdist_group("cdk")'
    files = [
        file
        for file in (ROOT / "tests").glob("test_*.py")
        if _imports(file) & {"aws_cdk", "nextflow_batch"}
    ]

    assert files
    assert [file.stem for file in files if grouped not in file.read_text(encoding="utf-8")] == []


def test_app_is_a_table_of_contents() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 40
