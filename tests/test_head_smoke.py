"""`nfbatch smoke` with a real Nextflow: deployed, in containers, with a head that loses its host."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stacks import paths
from testbed.head import HeadTestbed, NoNextflow, head_testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def testbed() -> Iterator[HeadTestbed]:
    try:
        with head_testbed(paths.ROOT / "build" / "smoke") as made:
            yield made
    except NoNextflow as reason:
        pytest.skip(str(reason))


def test_a_deployment_proves_itself(testbed: HeadTestbed) -> None:
    words = ["smoke", "--json", "--fill", "1", "--image", "nextflow-batch/task:local"]
    done = subprocess.run(
        [sys.executable, "-m", "nfbatch", *words],
        env=testbed.aws.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    proofs = json.loads(done.stdout)["proofs"]

    assert {each["what"]: each["proved"] for each in proofs} == {
        "tasks write S3": True,
        "tasks read S3": True,
        "a run survives a lost head": True,
        "scratch grows": True,
        "logs are readable": True,
        "its cost is known": True,
    }
    (survived,) = [each for each in proofs if "lost head" in each["what"]]
    assert survived["evidence"] == "2 attempts, 2 tasks not repeated"
    assert done.returncode == 0
