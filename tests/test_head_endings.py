"""What a head says of each way in which Nextflow 26.04.6 ended: the logs are its own.

tests/support/nextflow_corpus.py makes them anew, for another version too.
"""

import csv
import json
import signal
from pathlib import Path

import pytest

from nextflow_head import diagnosis
from nextflow_head.origins import Origins
from nextflow_head.outcome import Outcome, State
from nextflow_head.process import Exit
from tests.support.nextflow_ways import WAYS
from tests.support.s3_of_way import access

LOGS = Path(__file__).parent / "data" / "nextflow_logs"
HOME = "/home/nextflow/.nextflow-head/run-0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9-a1/home"

#: Of each way: its name, the kind of end, the head's exit status and last line.
ENDS = {
    name: Outcome(State(state), int(status), line)
    for name, state, status, line in csv.reader(
        (LOGS.parent / "nextflow_ends.tsv").read_text().splitlines(),
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
    )
}


def judge(name: str, tmp_path: Path) -> Outcome:
    """The outcome of a kept log."""
    header, rest = (LOGS / f"{name}.log").read_text().split("\n", 1)
    recorded = json.loads(header)
    printed, entries = rest.removeprefix("--- output\n").split("\n--- .nextflow.log\n")
    log = tmp_path / ".nextflow.log"
    if recorded["log"]:
        log.write_text(entries)
    stopped = signal.Signals[recorded["signal"]] if recorded.get("signal") else None
    ended = Exit(recorded["status"], stopped, out_of_memory=False, output=printed)
    return diagnosis.of(ended, log, 512, Origins(recorded["typed"], Path(HOME)), access(WAYS[name]))


@pytest.mark.parametrize("name", ENDS)
def test_the_last_line_is_the_reason(name: str, tmp_path: Path) -> None:
    assert judge(name, tmp_path) == ENDS[name]


def test_every_log_has_its_line_and_can_be_made_again() -> None:
    kept = {log.stem for log in LOGS.glob("*.log")}

    assert kept == set(ENDS)
    assert kept <= set(WAYS)
    assert len(kept) >= 40


@pytest.mark.parametrize("name", ENDS)
def test_a_line_is_short_and_names_no_path_of_the_head(name: str, tmp_path: Path) -> None:
    line = judge(name, tmp_path).line

    assert len(line) <= 300
    assert "\n" not in line
    assert ".nextflow-head" not in line
