"""How long `cdk synth` takes, against a Python app with one bucket.

The other app has the feature flags that `cdk init` gives to every new one, as ours has.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure, write

_RUNS = 5
_TARGET = 1.5
_ONE_BUCKET = """\
from aws_cdk import App, Stack
from aws_cdk.aws_s3 import Bucket

app = App()
Bucket(Stack(app, "Stack"), "Bucket")
app.synth()
"""


def _seconds(command: list[str], directory: Path) -> float:
    with tempfile.TemporaryDirectory() as output:
        start = time.perf_counter()
        subprocess.run(
            [*command, "--quiet", "--output", output],
            cwd=directory,
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - start


def main() -> None:
    """Run both in turn and report the ratio pair by pair."""
    ours = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        (other / "app.py").write_text(_ONE_BUCKET)
        context = json.loads((ours / "cdk.json").read_text())["context"]
        command = f"{sys.executable} app.py"
        (other / "cdk.json").write_text(json.dumps({"app": command, "context": context}))
        synth = ["cdk", "synth", "--no-notices"]
        _seconds(synth, ours)
        _seconds(synth, other)
        pairs = [(_seconds(synth, ours), _seconds(synth, other)) for _ in range(_RUNS)]
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    write(
        "synth",
        [
            Figure(
                metric="default settings against one bucket",
                value=round(ratio, 2),
                unit="times",
                target=f"at most {_TARGET}",
                ok=ratio <= _TARGET,
            ),
            Figure(
                metric="default settings",
                value=round(statistics.median(mine for mine, _ in pairs), 2),
                unit="s, median",
            ),
            Figure(
                metric="one bucket",
                value=round(statistics.median(theirs for _, theirs in pairs), 2),
                unit="s, median",
            ),
        ],
    )


if __name__ == "__main__":
    main()
