"""Every pipeline of demo, tests and benchmarks under the strict syntax, the pinned Nextflow's own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from local_aws.rehearsal import core
from nextflow_head import configuration
from nextflow_head.session import Session
from tests.support import groovy
from tests.test_head_configuration import FULL

ROOT = Path(__file__).parents[1]
#: Their pipelines are wrong on purpose.
WRONG = {"nextflow_ways.py", "test_strict_syntax.py"}
_PARSE = """
import nextflow.config.control.ConfigParser
import nextflow.script.control.ScriptParser

def parsers = [nf: new ScriptParser(), config: new ConfigParser()]
args.each { file -> parsers[file.tokenize('.').last()].parse(new File(file)) }
parsers.values().each { parser ->
    parser.analyze()
    parser.compiler().sources.values().each { source ->
        source.errorCollector.errors.findAll { it.cause.hasProperty('startLine') }.each { error ->
            println "${new File(source.name).name} line $error.cause.startLine: $error.cause.originalMessage"
        }
    }
}
"""
_PIPELINE = re.compile(r"^\s*(process \w+|workflow) ?\{", re.MULTILINE)


def pipelines() -> dict[str, str]:
    """The files, and the texts in Python files, by where they stand."""
    sources = [
        path
        for folder in ("benchmarks", "local_aws", "tests")
        for path in (ROOT / folder).rglob("*")
    ]
    found = {
        str(path.relative_to(ROOT)): path.read_text() for path in sources if path.suffix == ".nf"
    }
    for path in sources:
        if path.suffix == ".py" and path.name not in WRONG:
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Constant(value=str(text)) if _PIPELINE.search(text):
                        found[f"{path.relative_to(ROOT)}:{node.lineno}"] = text
    return found


@pytest.fixture(scope="module")
def libraries() -> list[Path]:
    try:
        home = core.fetch(ROOT / "build" / "rehearsal")
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    return list((home / "lib").glob("*.jar"))


def against(libraries: list[Path], folder: Path, texts: dict[str, str]) -> list[str]:
    """What the strict parser has against texts by name."""
    for number, (name, text) in enumerate(texts.items()):
        kind = "config" if name.endswith(".config") else "nf"
        (folder / f"{number}.{kind}").write_text(text)
    errors = groovy.run(_PARSE, folder, libraries, *map(str, sorted(folder.glob("[0-9]*"))))
    names = list(texts)
    return [f"{names[int(row.partition('.')[0])]}: {row}" for row in errors]


def test_every_pipeline_is_valid(libraries: list[Path], tmp_path: Path) -> None:
    found = pipelines()
    assert len(found) > 5

    assert against(libraries, tmp_path, found) == []


def test_what_the_head_writes_is_valid(libraries: list[Path], tmp_path: Path) -> None:
    text = configuration.render(FULL, Session.of(FULL), Path("/reports"), 512)

    assert against(libraries, tmp_path, {"nextflow.config": text}) == []


def test_what_is_not_valid_is_found(libraries: list[Path], tmp_path: Path) -> None:
    (error,) = against(libraries, tmp_path, {"main.nf": "workflow { while( true ) {} }\n"})

    assert "while" in error


@pytest.mark.parametrize("where", pipelines())
def test_numbers_from_the_command_line_are_not_taken_for_numbers(where: str) -> None:
    # They are strings there: `1..params.tasks` of '3' counts to the code of that letter.
    assert re.findall(r"\.\.\s*\(?params\.\w+\b(?! as )", pipelines()[where]) == []
