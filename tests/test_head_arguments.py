"""What the head reads in the arguments of `nextflow run`, and what it adds."""

import dataclasses
import json
from typing import Any

import pytest

from nextflow_head import arguments
from nextflow_head.command import Command
from nextflow_head.input_error import InputError
from nextflow_head.s3_uri import S3Uri
from nextflow_head.task_folders import TaskFolders
from tests.support.s3_of_way import ENVIRONMENT

OURS, THEIRS = (
    "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
    "1b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9",
)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["hello"], "hello"),
        (["s3://bucket/p", "--input", "s3://bucket/x"], "s3://bucket/p"),
        (["-r", "main", "-latest", "owner/repo"], "owner/repo"),
        (["--input", "s3://bucket/x", "owner/repo"], "owner/repo"),
        (["--flag", "--input=s3://bucket/x", "owner/repo"], "owner/repo"),
        (["-profile", "test", "-resume", "s3://bucket/p"], "s3://bucket/p"),
        (["-resume", OURS, "s3://bucket/p"], "s3://bucket/p"),
        (["-process.cpus=2", "-with-report", "-ansi-log", "false", "p"], "p"),
        (["-without-podman", "x", "p"], "p"),
        (["-resume", "last", "s3://bucket/p"], "s3://bucket/p"),
        (
            ["-params-file", "-x.json", "--n", "-5", "s3://bucket/My Project"],
            "s3://bucket/My Project",
        ),
        (["--zzz", "a b", "-new-option", "value", "p"], "p"),
    ],
)
def test_the_project_is_the_argument_that_nextflow_takes_for_it(
    words: list[str], named: str
) -> None:
    index = arguments.project(words)

    assert index is not None
    assert words[index] == named


@pytest.mark.parametrize("words", [["-h"], ["-help"], ["hello", "-h"]])
def test_help_needs_no_project(words: list[str]) -> None:
    assert arguments.project(words) is None


@pytest.mark.parametrize("words", [[], ["--input", "s3://bucket/x"]])
def test_arguments_without_a_project_are_refused(words: list[str]) -> None:
    with pytest.raises(InputError, match="no project is named"):
        arguments.project(words)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["hello"], ["-resume", OURS, "hello"]),
        (["-resume", "hello"], ["-resume", OURS, "hello"]),
        (["hello", "-resume"], ["hello", "-resume", OURS]),
        (["-resume", OURS, "hello"], ["-resume", OURS, "hello"]),
        (["-resume", "last", "hello"], ["-resume", OURS, "hello"]),
        (["hello", "-resume", "last"], ["hello", "-resume", OURS]),
        (["hello", "-profile", "-resume"], ["-resume", OURS, "hello", "-profile", "-resume"]),
    ],
)
def test_every_run_resumes_its_own_session(words: list[str], called: list[str]) -> None:
    assert arguments.resuming(words, OURS) == called


def test_another_session_is_asked_for_by_its_job() -> None:
    with pytest.raises(
        InputError, match=f"-resume {THEIRS} is not allowed: name the Batch job that ran"
    ):
        arguments.resuming(["hello", "-resume", THEIRS], OURS)


def test_a_run_of_a_head_is_asked_for_by_its_job() -> None:
    with pytest.raises(InputError) as caught:
        arguments.resuming(["hello", "-resume", f"run-{THEIRS}-a2"], OURS)

    assert caught.value.lines == (
        f"-resume run-{THEIRS}-a2 is not allowed: set the variable NF_RESUME={THEIRS}",
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["hello -r master"],
            """the project 'hello -r master' is not allowed: it is one argument \
with spaces; the command must be a list of arguments, such as ["hello", "-r", "master"]""",
        ),
        (
            ["nextflow run hello", "-latest"],
            """the project 'nextflow run hello' is not allowed: it is \
one argument with spaces; the command must be a list of arguments, such as ["hello", "-latest"]""",
        ),
        (
            ["hello,-r,master"],
            """the project 'hello,-r,master' is not allowed: it is one argument \
with commas; the command must be a list of arguments, such as ["hello", "-r", "master"]""",
        ),
        (
            ["nextflow", "run", "hello"],
            """'nextflow run' is not allowed: the job's command is \
what follows `nextflow run`, such as ["hello"]""",
        ),
        (["nextflow", "hello"], "'nextflow' is not allowed: "),
        (
            ["run", "-r", "master", "hello"],
            """'run' is not allowed: the job's command is what \
follows `nextflow run`, such as ["-r", "master", "hello"]""",
        ),
        (["bash", "-c", "nextflow run hello"], "'bash' is not allowed: no shell reads the "),
        (["/bin/sh", "run.sh"], "'/bin/sh' is not allowed: no shell reads the "),
        (
            ["hello", "-r master"],
            """'-r master' is not allowed: an option and its value are two \
arguments of the command, such as ["hello", "-r", "master"]""",
        ),
        (
            ["-log", "x", "hello"],
            """-log is not allowed: it is an option of `nextflow`, not of \
`nextflow run`; leave it out: the log is kept below NF_LOGSDIR""",
        ),
        (
            ["-q", "hello"],
            "-q is not allowed: it is an option of `nextflow`, not of `nextflow run`;",
        ),
        (
            ["-C", "a", "hello"],
            """-C is not allowed: it is an option of `nextflow`, not of \
`nextflow run`; it would replace the deployment's configuration; pass yours with -c""",
        ),
        (["-Dx=y", "hello"], "-Dx=y is not allowed: it is an option of `nextflow`, not of "),
        (["-D", "x=y", "hello"], "-D is not allowed: it is an option of `nextflow`, not of "),
        (["nextflow", "-q", "run", "hello"], "-q is not allowed: "),
        (["hello", "-bg"], "-bg is not allowed: "),
        (["-"], "- is not allowed: a Batch job has no standard input; put the script into S3 as "),
        (["-stdin"], "-stdin is not allowed: a Batch job has no standard input; put the script "),
        (["-stub", "-r", "x", "p"], "Nextflow would run 'true' as the project because an option "),
        (
            ["-resume", "happy_euler", "p"],
            "-resume happy_euler is not allowed: name the Batch job ",
        ),
    ],
)
def test_a_form_that_nextflow_cannot_mean_gets_one_line_with_the_right_one(
    words: list[str], line: str
) -> None:
    with pytest.raises(InputError) as caught:
        arguments.project(words)

    (lines,) = caught.value.lines
    assert lines.startswith(line)


@pytest.mark.parametrize(
    "words",
    [
        ["hello", "-profile", "-q"],
        ["s3://bucket/My Project, the second", "--x", "-r master"],
        ["hello", "--x", "nextflow run", "-e.A=-q", "--log", "y"],
        ["https://example.org/a,b"],
    ],
)
def test_what_only_looks_like_such_a_form_is_passed_on(words: list[str]) -> None:
    assert arguments.project(words) == 0


def test_notes_what_is_probably_not_meant() -> None:
    assert arguments.notes(["hello", "-r", "x", "--in", "a", "b"]) == [
        "the argument 'b' does not belong to an option: Nextflow passes it to the script in `args`, which few"
        " scripts read"
    ]
    assert arguments.notes(["hello", "--in s3://b/x", "--out", "a b", "-stub"]) == [
        "Nextflow reads '--in s3://b/x' as the name of a parameter; name and value are two"
        ' arguments, such as ["--in", "s3://b/x"]'
    ]


@pytest.mark.parametrize(
    "text", ["hello", '{"a": 1}', '["a", 1]', "", "[", '"hello"', "[" * 100_000, '[["a"]]']
)
def test_a_file_of_arguments_must_hold_a_list_of_strings(s3: Any, text: str) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body=text.encode())

    with pytest.raises(InputError) as caught:
        arguments.from_file(S3Uri("bucket", "a.json"), s3)

    assert caught.value.lines == (
        "NF_ARGUMENTS=s3://bucket/a.json is not allowed: it must contain a JSON list of strings, such as"
        ' ["hello", "-r", "v1.1"]',
    )


@pytest.mark.parametrize("word", ["\\u0000", "\\ud800"])
def test_a_file_of_arguments_holds_only_what_arguments_can(s3: Any, word: str) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body=f'["hello", "a{word}"]'.encode())

    with pytest.raises(InputError, match="contains a character that no argument can have"):
        arguments.from_file(S3Uri("bucket", "a.json"), s3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_of_arguments_may_have_a_byte_order_mark(s3: Any, encoding: str) -> None:
    s3.put_object(Bucket="bucket", Key="my a.json", Body='["é"]'.encode(encoding))

    assert arguments.from_file(S3Uri("bucket", "my a.json"), s3) == ["é"]


def test_a_file_of_arguments_in_another_encoding_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body='[\n"é"]'.encode("latin-1"))

    with pytest.raises(InputError) as caught:
        arguments.from_file(S3Uri("bucket", "a.json"), s3)

    assert caught.value.lines == (
        "NF_ARGUMENTS=s3://bucket/a.json is not UTF-8: byte 0xE9 in line 2; save it as UTF-8",
    )


def test_a_file_of_arguments_follows_those_of_the_command(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a.json", Body=json.dumps(["a b", "$c\n"]).encode())

    environment = dataclasses.replace(ENVIRONMENT, arguments=S3Uri("bucket", "a.json"))

    command = Command.of(["hello"], environment, TaskFolders.of(environment), s3)

    assert command.words == ("hello", "a b", "$c\n")
