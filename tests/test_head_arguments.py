"""What the head reads in the arguments of `nextflow run`, and what it adds."""

import json
from typing import Any

import pytest

from nextflow_head import arguments
from nextflow_head.location import Location
from nextflow_head.refusal import Refusal

OURS, THEIRS = (
    "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
    "1b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["hello"], "hello"),
        (["s3://bucket/p", "--input", "s3://bucket/x"], "s3://bucket/p"),
        (["-r", "main", "-latest", "owner/repo"], "owner/repo"),
        (["--input", "s3://bucket/x", "owner/repo"], "owner/repo"),
        (["--flag", "--input=s3://bucket/x", "owner/repo"], "owner/repo"),
        (["-profile", "test", "-resume", "s3://bucket/p"], "s3://bucket/p"),
        (["-resume", OURS, "s3://bucket/p"], "s3://bucket/p"),
        (["-process.cpus=2", "-with-report", "-ansi-log", "false", "p"], "p"),
        (["-"], "-"),
    ],
)
def test_the_project_is_the_argument_that_nextflow_takes_for_it(
    given: list[str], named: str
) -> None:
    index = arguments.project(given)

    assert index is not None
    assert given[index] == named


def test_a_project_may_come_by_standard_input() -> None:
    assert arguments.project(["-stdin"]) is None


@pytest.mark.parametrize("given", [[], ["--input", "s3://bucket/x"]])
def test_arguments_without_a_project_are_refused(given: list[str]) -> None:
    with pytest.raises(Refusal, match="no pipeline is named"):
        arguments.project(given)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        (["hello"], ["-resume", OURS, "hello"]),
        (["-resume", "hello"], ["-resume", OURS, "hello"]),
        (["hello", "-resume"], ["hello", "-resume", OURS]),
        (["-resume", OURS, "hello"], ["-resume", OURS, "hello"]),
    ],
)
def test_every_run_resumes_its_own_session(given: list[str], called: list[str]) -> None:
    assert arguments.resuming(given, OURS) == called


def test_another_session_is_asked_for_by_its_job() -> None:
    with pytest.raises(Refusal, match=f"-resume {THEIRS} is refused: name the Batch job that ran"):
        arguments.resuming(["hello", "-resume", THEIRS], OURS)


@pytest.mark.parametrize("text", ["hello", '{"a": 1}', '["a", 1]', "", "[", '"hello"'])
def test_a_file_of_arguments_must_hold_a_list_of_strings(s3: Any, text: str) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body=text.encode())

    with pytest.raises(Refusal) as caught:
        arguments.longer([], Location("bucket", "a.json"), s3)

    assert caught.value.lines == (
        "NF_ARGUMENTS=s3://bucket/a.json is refused: it must hold a JSON list of strings, such as"
        ' ["hello", "-r", "v1.1"]',
    )


def test_a_file_of_arguments_follows_those_of_the_command(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body=json.dumps(["a b", "$c\n"]).encode())

    assert arguments.longer(["hello"], Location("bucket", "a.json"), s3) == ["hello", "a b", "$c\n"]
