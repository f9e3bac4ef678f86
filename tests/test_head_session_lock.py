"""Which job's head uses a session; S3 and Batch are those of the local AWS."""

from collections.abc import Iterator
from typing import Any

import pytest

from nextflow_head import session_lock
from nextflow_head.input_error import InputError
from nextflow_head.session import Session
from tests.support.batch import Gate, Testbed, process_testbed
from tests.support.run_bucket import environment, make_bucket


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with process_testbed() as bed:
        yield bed


@pytest.fixture
def s3(testbed: Testbed) -> Any:
    return make_bucket(testbed)


def test_only_the_first_head_of_a_session_finds_it_fresh(testbed: Testbed, s3: Any) -> None:
    session = Session.of(environment(s3.name))

    assert session_lock.take(session, "a", s3, testbed.batch) is False
    assert session_lock.take(session, "a", s3, testbed.batch) is True


def test_a_session_is_taken_over_when_its_job_has_ended(testbed: Testbed, s3: Any) -> None:
    ended = testbed.run("true")["jobId"]
    session = Session.of(environment(s3.name, ended))
    session_lock.take(session, ended, s3, testbed.batch)

    assert session_lock.take(session, "b", s3, testbed.batch) is True
    assert session_lock.take(session, "b", s3, testbed.batch) is True


def test_two_running_jobs_never_share_a_session(testbed: Testbed, s3: Any) -> None:
    gate = Gate()
    running = testbed.submit(gate.script)
    testbed.wait(running, "RUNNING")
    session = Session.of(environment(s3.name, running))
    session_lock.take(session, running, s3, testbed.batch)

    with pytest.raises(InputError) as caught:
        session_lock.take(session, "b", s3, testbed.batch)

    gate.open()
    assert caught.value.lines == (
        f"the session in s3://{s3.name}/logs/sessions/run-{running} cannot be locked: job {running} uses"
        " it (RUNNING); wait until it ends, or terminate it",
    )


def test_of_two_that_take_over_at_once_one_wins(testbed: Testbed, s3: Any) -> None:
    session = Session.of(environment(s3.name, "gone"))
    session_lock.take(session, "gone", s3, testbed.batch)

    class Overtaken:
        """S3, with another head that is quicker between the look and the write."""

        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def get_object(self, **request: Any) -> Any:
            answer = s3.get_object(**request)
            session_lock.take(session, "quicker", s3, testbed.batch)
            return answer

    with pytest.raises(InputError, match="cannot be locked"):
        session_lock.take(session, "slower", Overtaken(), testbed.batch)

    assert session_lock.take(session, "quicker", s3, testbed.batch) is True
