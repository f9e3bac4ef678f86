"""What the local AWS claims of AWS has a source, or says that it is no claim."""

import ast
from pathlib import Path

import pytest

MODULES = [
    path
    for part in ("batch_*", "cloudformation_*", "faults", "server_requests", "server_transfers")
    for path in Path(__file__).parent.glob(f"test_local_{part}.py")
    if path.stem != "test_local_batch_process_runner"  # AWS runs no processes
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_each_test_of_a_service_cites_its_source_or_is_ours(path: Path) -> None:
    """A docstring with a URL tells where to check; `Ours:` tells why there is none."""
    tests = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    docstrings = {test.name: ast.get_docstring(test) or "" for test in tests}

    assert tests
    assert [
        name
        for name in docstrings
        if "https://" not in docstrings[name] and "Ours: " not in docstrings[name]
    ] == []
