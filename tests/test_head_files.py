"""Files of parameters and configuration in S3."""

import json
from pathlib import Path
from typing import Any

import pytest

from nextflow_head import files
from nextflow_head.input_error import InputError


def put(s3: Any, **content: bytes | str) -> None:
    for key, text in content.items():
        s3.put_object(Bucket="bucket", Key=key, Body=text)


def refused(s3: Any, folder: Path, *arguments: str) -> str:
    with pytest.raises(InputError) as caught:
        files.stage(["p", *arguments], folder, s3)
    (line,) = caught.value.lines
    return line


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "s3://bucket/a.config,s3://bucket/b.config"],
        ["-c", "s3://bucket/a.config", "-config", "s3://bucket/b.config"],
        ["-c", "mine.config,s3://bucket/a.config,https://h/x,s3://bucket/b.config"],
    ],
)
def test_each_of_several_configuration_files_is_brought(
    s3: Any, tmp_path: Path, arguments: list[str]
) -> None:
    put(s3, **{"a.config": "process.cpus = 1", "b.config": "process.memory = '2 GB'"})

    copies = files.stage([*arguments, "p"], tmp_path, s3)

    names = ",".join(copies[1:-1:2]).split(",")
    assert [Path(name).name for name in names] == [
        name.rpartition("/")[2] for name in ",".join(arguments[1::2]).split(",")
    ]
    copies = [Path(name).read_text() for name in names if name.startswith(str(tmp_path))]
    assert copies == ["process.cpus = 1", "process.memory = '2 GB'"]
    assert [name for name in names if not name.startswith(str(tmp_path))] == [
        name for name in ",".join(arguments[1::2]).split(",") if not name.startswith("s3:")
    ]


@pytest.mark.parametrize(
    "key",
    [
        "my params.json",
        "ä ö.yml",
        "/a.json",
        "a//b.yaml",
        "a,b.json",
        "x" * 250 + ".json",
        "a\n.yml",
        "😀" * 200 + ".json",
        "a/...json",
        "a/../b.yaml",
    ],
)
def test_the_file_of_parameters_may_have_any_key(s3: Any, tmp_path: Path, key: str) -> None:
    put(s3, **{key: '{"a": 1}'})

    _, _, name = files.stage(["p", "-params-file", f"s3://bucket/{key}"], tmp_path, s3)

    assert json.loads(Path(name).read_text()) == {"a": 1}
    assert Path(name).suffix == Path(key).suffix


@pytest.mark.parametrize(
    "arguments",
    [
        ["--c", "s3://bucket/a.config"],
        ["-profile", "-c", "s3://bucket/a.config"],
        ["-c", "a.config,b.config", "-params-file", "https://host/p.yml"],
        ["-params-file", "/a/p.json", "--input", "s3://bucket/a.csv"],
    ],
)
def test_what_is_no_such_file_in_s3_is_passed_on(
    s3: Any, tmp_path: Path, arguments: list[str]
) -> None:
    assert files.stage(arguments, tmp_path, s3) == arguments


@pytest.mark.parametrize(
    "key", ["a/..", "..", "...", "a/.", "~", "a." + "x" * 300, "a.😀" * 100, "x" * 900]
)
def test_a_configuration_file_may_have_any_key(s3: Any, tmp_path: Path, key: str) -> None:
    put(s3, **{key: "process.cpus = 1"})

    _, _, name = files.stage(["p", "-c", f"s3://bucket/{key}"], tmp_path, s3)

    assert Path(name).read_text() == "process.cpus = 1"
    assert Path(name).resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize("option", ["-params-file", "-c"])
@pytest.mark.parametrize("key", ["a\0.json", "\udc80.json"])
def test_a_key_that_s3_or_linux_cannot_have_is_refused(
    s3: Any, tmp_path: Path, option: str, key: str
) -> None:
    uri = f"s3://bucket/{key}"
    assert (
        refused(s3, tmp_path, option, uri)
        == f"{option} {uri!r} is not allowed: it must be s3://BUCKET/FILE"
    )


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "y/" * 3000])
def test_a_name_that_no_file_can_have_is_not_one_of_the_projects(tmp_path: Path, name: str) -> None:
    assert files.inside(["p", "-c", name], tmp_path) == ["p", "-c", name]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("option", ["-params-file", "-c"])
def test_a_byte_order_mark_says_the_encoding(
    s3: Any, tmp_path: Path, encoding: str, option: str
) -> None:
    put(s3, **{"x.yml": "x: Zürich\r\n".encode(encoding)})

    _, _, name = files.stage(["p", option, "s3://bucket/x.yml"], tmp_path, s3)

    assert Path(name).read_bytes() == "x: Zürich\r\n".encode()


@pytest.mark.parametrize(
    ("key", "content", "line"),
    [
        (
            "latin.yml",
            b"a: 1\nx: Z\xfcrich\n",
            "the params file s3://bucket/latin.yml is not UTF-8: byte 0xFC in line 2; save it as UTF-8",
        ),
        (
            "u16.json",
            '{"x": 1}ü'.encode("utf-16")[:-1],
            "the params file s3://bucket/u16.json is not UTF-8: byte 0xFC in line 1; save it as UTF-8",
        ),
        (
            "p.txt",
            b"{}",
            "-params-file s3://bucket/p.txt is not allowed: its name must end in .json, .yml or .yaml",
        ),
        (
            "a/..",
            b"{}",
            "-params-file s3://bucket/a/.. is not allowed: its name must end in .json, .yml or .yaml",
        ),
        (
            "e.yml",
            b"\n",
            "the params file s3://bucket/e.yml is empty: it must contain names and values",
        ),
        (
            "l.json",
            b"[1]",
            "the params file s3://bucket/l.json is not allowed: it must contain a JSON object, such as"
            ' {"input": "s3://my-bucket/samples.csv"}',
        ),
    ],
)
def test_a_file_of_parameters_that_nextflow_could_not_read_is_refused(
    s3: Any, tmp_path: Path, key: str, content: bytes, line: str
) -> None:
    put(s3, **{key: content})

    assert refused(s3, tmp_path, "-params-file", f"s3://bucket/{key}") == line


@pytest.mark.parametrize("text", ['{"a": 1,}', '{"a": 1} x', '{"a": 01}', "{"])
def test_what_json_is_decides_nextflow(s3: Any, tmp_path: Path, text: str) -> None:
    put(s3, **{"p.JSON": text})

    _, _, name = files.stage(["p", "-params-file", "s3://bucket/p.JSON"], tmp_path, s3)

    assert Path(name).read_text() == text
    assert Path(name).name == "p.json", "Nextflow takes no other ending"


def test_a_configuration_file_of_another_encoding_or_form_is_refused(
    s3: Any, tmp_path: Path
) -> None:
    put(s3, **{"l.config": b"// Z\xfcrich"})

    assert refused(s3, tmp_path, "-c", "s3://bucket/l.config") == (
        "the configuration file s3://bucket/l.config is not UTF-8: byte 0xFC in line 1; save it as"
        " UTF-8"
    )
    assert refused(s3, tmp_path, "-c", "a,s3://B/x") == (
        "-c 's3://B/x' is not allowed: it must be s3://BUCKET/FILE"
    )


def test_a_configuration_file_may_have_a_name_that_no_file_can(s3: Any, tmp_path: Path) -> None:
    put(s3, **{"a/..": "x = 1"})

    _, _, name = files.stage(["p", "-c", "s3://bucket/a/.."], tmp_path, s3)

    assert Path(name).read_text() == "x = 1"
    assert Path(name).is_relative_to(tmp_path)


def test_a_file_that_is_too_large_to_be_one_is_refused(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextflow_head.text.LIMIT", 3)
    put(s3, **{"p.json": "{  }"})

    assert refused(s3, tmp_path, "-params-file", "s3://bucket/p.json") == (
        "-params-file s3://bucket/p.json is not allowed: it is larger than 0 MiB"
    )
