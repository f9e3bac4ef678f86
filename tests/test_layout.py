"""The house: who may import whom, and that this checkout is what is tested."""

from __future__ import annotations

import ast
import inspect
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import constructs
import pytest

import nextflow_batch

ROOT = Path(__file__).resolve().parents[1]
#: Each part's folder and the parts that it may import.
MAY_IMPORT = {
    "app.py": {"stacks", "nextflow_batch"},
    "stacks": {"nextflow_batch", "assets"},
    "constructs/nextflow_batch": set[str](),
    "cli/nfbatch": set[str](),
    "docker/nextflow/nextflow_head": set[str](),
    "assets/worker/nextflow_worker": set[str](),
    "assets/janitors/nextflow_janitors": set[str](),
    "assets/go_program.py": set[str](),
    "local_aws": {"assets"},
    "benchmarks": {
        *("assets", "local_aws", "nextflow_head", "nextflow_worker", "nfbatch", "stacks", "testbed")
    },
    "audit": {"nextflow_batch", "stacks", "testbed"},
    "testbed": {"local_aws", "nextflow_batch", "nextflow_head", "nextflow_worker", "stacks"},
    "tests/support": {
        "assets",
        "local_aws",
        "nextflow_batch",
        "nextflow_head",
        "nextflow_worker",
        "nfbatch",
        "stacks",
        "testbed",
    },
}
OWN_NAME = {
    "stacks": "stacks",
    "constructs/nextflow_batch": "nextflow_batch",
    "cli/nfbatch": "nfbatch",
    "docker/nextflow/nextflow_head": "nextflow_head",
    "assets/worker/nextflow_worker": "nextflow_worker",
    "assets/janitors/nextflow_janitors": "nextflow_janitors",
    "local_aws": "local_aws",
    "benchmarks": "benchmarks",
    "audit": "audit",
    "testbed": "testbed",
    "tests/support": "tests",
}
#: Imports that may close a circle, by part.
CIRCLES: dict[str, tuple[tuple[str, str], ...]] = {
    # The emulated EC2 plugs volumes into the emulated machine, which calls it.
    "testbed": (("testbed.emulated_ec2", "testbed.scratch"),),
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


def _modules(part: str) -> dict[str, Path]:
    """A part's modules by their full names."""
    folder = ROOT / part
    names = {}
    for file in folder.rglob("*.py"):
        words = file.relative_to(folder.parent).with_suffix("").parts
        names[".".join(words).removesuffix(".__init__")] = file
    return names


def _imported_modules(name: str, file: Path, known: set[str]) -> set[str]:
    """The modules of a part that a module imports when it is loaded, those for types included."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    statements: list[ast.stmt] = list(ast.parse(file.read_text(encoding="utf-8")).body)
    while statements:
        node = statements.pop()
        if isinstance(node, ast.If | ast.Try):
            statements += [*node.body, *node.orelse]
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - max(0, node.level - 1)]
            source = ".".join([*above * bool(node.level), *filter(None, [node.module])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= (names & known) or {source}
    return (found & known) - {name}


@pytest.mark.parametrize("part", [part for part in OWN_NAME if part != "tests/support"])
def test_no_modules_import_each_other_in_a_circle(part: str) -> None:
    modules = _modules(part)
    known = set(modules)
    graph = {name: _imported_modules(name, file, known) for name, file in modules.items()}
    for one, other in CIRCLES.get(part, ()):
        graph.get(one, set()).discard(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_package_constructs_is_the_one_from_pypi() -> None:
    assert "site-packages" in inspect.getfile(constructs.Construct)
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_the_library_is_this_checkouts() -> None:
    assert Path(nextflow_batch.__file__).is_relative_to(ROOT)


def test_the_librarys_names_are_complete_and_sorted() -> None:
    names = list(nextflow_batch.__all__)

    assert all(hasattr(nextflow_batch, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_app_is_a_table_of_contents() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 40
