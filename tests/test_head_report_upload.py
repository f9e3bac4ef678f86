"""Logs and reports in S3, while a run goes on and when it ends."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextflow_head import report_upload
from nextflow_head.report_upload import ReportUpload
from nextflow_head.s3_uri import S3Uri

DESTINATION = S3Uri("bucket", "logs/run-1-a1")


def stored_files(s3: Any) -> dict[str, bytes]:
    return {
        item["Key"]: s3.get_object(Bucket="bucket", Key=item["Key"])["Body"].read()
        for item in s3.list_objects_v2(Bucket="bucket").get("Contents", [])
    }


def nothing() -> None:
    pass


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.02)


def test_keeps_a_log_while_it_grows(s3: Any, tmp_path: Path) -> None:
    log = tmp_path / ".nextflow.log"
    with ReportUpload(
        tmp_path, DESTINATION, connect=lambda: s3, refresh=nothing, say=print, interval=0.05
    ):
        log.write_bytes(b"one\n")
        eventually(lambda: stored_files(s3) == {"logs/run-1-a1/.nextflow.log": b"one\n"})
        log.write_bytes(b"one\ntwo\n")
        eventually(lambda: stored_files(s3) == {"logs/run-1-a1/.nextflow.log": b"one\ntwo\n"})


def test_the_end_waits_for_the_last_words(s3: Any, tmp_path: Path) -> None:
    with ReportUpload(
        tmp_path, DESTINATION, connect=lambda: s3, refresh=nothing, say=print, interval=3600
    ) as upload:
        (tmp_path / "report.html").write_bytes(b"<html>")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "trace.txt").write_bytes(b"task")

    assert upload.complete
    assert stored_files(s3) == {
        "logs/run-1-a1/report.html": b"<html>",
        "logs/run-1-a1/sub/trace.txt": b"task",
    }


def test_uploads_only_what_has_changed(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "still").write_bytes(b"1")
    (tmp_path / "alive").write_bytes(b"1")
    uploads: list[str] = []
    upload = s3.upload_file

    def recording(path: str, *rest: Any, **options: Any) -> None:
        uploads.append(path)
        upload(path, *rest, **options)

    s3.upload_file = recording

    with ReportUpload(
        tmp_path, DESTINATION, connect=lambda: s3, refresh=nothing, say=print, interval=0.02
    ):
        eventually(lambda: len(uploads) == 2)
        (tmp_path / "alive").write_bytes(b"22")
        eventually(lambda: len(uploads) == 3)
        time.sleep(0.1)

    assert [Path(path).name for path in uploads] == ["alive", "still", "alive"]


def test_a_stop_does_not_wait_for_the_next_round(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_upload, "HURRY", 0.05)
    with ReportUpload(
        tmp_path, DESTINATION, connect=lambda: s3, refresh=nothing, say=print, interval=3600
    ) as upload:
        (tmp_path / "log").write_bytes(b"last words")
        upload.hurry()
        eventually(lambda: stored_files(s3) == {"logs/run-1-a1/log": b"last words"})
        (tmp_path / "log").write_bytes(b"very last words")
        eventually(lambda: stored_files(s3) == {"logs/run-1-a1/log": b"very last words"})


def test_shows_in_a_browser_what_a_browser_can_show(s3: Any, tmp_path: Path) -> None:
    for name in ("report.html", ".nextflow.log", "trace.txt", "nextflow.config"):
        (tmp_path / name).write_text("x")
    with ReportUpload(tmp_path, DESTINATION, connect=lambda: s3, refresh=nothing, say=print):
        pass

    types = {
        key.rsplit("/", 1)[1]: s3.head_object(Bucket="bucket", Key=key)["ContentType"]
        for key in stored_files(s3)
    }
    text = "text/plain; charset=utf-8"
    assert types == {
        "report.html": "text/html",
        ".nextflow.log": text,
        "trace.txt": text,
        "nextflow.config": text,
    }


def test_an_absent_bucket_is_told_once_and_ends_nothing(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    lines: list[str] = []
    with ReportUpload(
        tmp_path,
        S3Uri("absent", "l"),
        connect=lambda: s3,
        refresh=nothing,
        say=lines.append,
        interval=0.02,
    ) as upload:
        time.sleep(0.3)

    assert not upload.complete
    assert len(lines) == 1
    assert lines[0].startswith("logs and reports could not be uploaded to s3://absent/l: ")
    assert "NoSuchBucket" in lines[0]


def test_tries_again_once_s3_is_back(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    lines: list[str] = []
    back = threading.Event()

    def connect() -> Any:
        if not back.is_set():
            raise ConnectionError("refused")
        return s3

    with ReportUpload(
        tmp_path, DESTINATION, connect=connect, refresh=nothing, say=lines.append, interval=0.02
    ) as upload:
        eventually(lambda: bool(lines))
        back.set()

    assert upload.complete
    assert stored_files(s3) == {"logs/run-1-a1/log": b"x"}
