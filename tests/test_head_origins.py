"""Local copies are called what the user called them."""

from pathlib import Path

import pytest

from nextflow_head import files
from nextflow_head.origins import Origins

HOME = Path("/home/nextflow/.nextflow-head/run/home")
ORIGINS = Origins.of(
    ["s3://b/p.zip", "-c", "s3://b/a.config,mine.config", "--x", "1,2"],
    ["/n/project/inner", "-c", "/n/files/2/a.config,mine.config", "--x", "1,2"],
    HOME,
)
CLONE = f"{HOME}/assets/.repos/nf-core/demo/clones/{'0' * 40}"


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("`/n/project/inner/main.nf` at line 3", "`s3://b/p.zip/main.nf` at line 3"),
        ("'/n/files/2/a.config'", "'s3://b/a.config'"),
        ("/n/project/inner-2/main.nf", "/n/project/inner-2/main.nf"),
        (f"{CLONE}/modules/a.nf", "nf-core/demo/modules/a.nf"),
        (f"{HOME}/assets/nf-core/demo/main.nf", "nf-core/demo/main.nf"),
        ("mine.config and 1,2", "mine.config and 1,2"),
    ],
)
def test_a_path_becomes_what_was_typed(text: str, restored: str) -> None:
    assert ORIGINS.restore(text) == restored


def test_letters_that_a_pattern_would_read_otherwise_are_kept() -> None:
    origins = Origins.of([r"s3://b/a\1+(x).config"], ["/n/a+(x).config"], HOME)

    assert origins.restore("/n/a+(x).config:1") == r"s3://b/a\1+(x).config:1"


def test_a_file_that_nextflow_looks_for_where_it_starts_is_called_what_was_typed() -> None:
    words = ["p", "-c", "a.config,/x/b.config", "--c", "c.config"]
    origins = Origins.of(words, files.whole(words, Path("/home/nextflow")), HOME)

    text = "/home/nextflow/a.config, /x/b.config, /home/nextflow/c.config"
    assert origins.restore(text) == "a.config, /x/b.config, /home/nextflow/c.config"


def test_an_empty_name_stands_for_no_folder() -> None:
    words = ["p", "-c", "a.config,"]
    origins = Origins.of(words, files.whole(words, Path("/home/nextflow")), HOME)

    assert origins.restore("/home/nextflow/work") == "/home/nextflow/work"
