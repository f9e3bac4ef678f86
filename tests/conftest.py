"""What every test needs before aws_cdk is imported, and the stacks that many look at."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / "constructs" / "__init__.py").exists():
    pytest.exit("delete constructs/__init__.py: it shadows the PyPI package", 3)

# jsii starts the `node` that it finds first: the virtual environment's, not an outdated one of the
# machine; the cdk CLI is npm's.
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]]
)
# Nothing in a test may talk to AWS, whatever this machine is configured for.
for name in [key for key in os.environ if key.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

# The same examples in each run, and no verdict by the clock: these machines are noisy.
hypothesis_settings.register_profile("project", deadline=None, derandomize=True)
hypothesis_settings.load_profile("project")

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.synthesized import Templates


@pytest.fixture(scope="session")
def templates() -> Callable[[str], Templates]:
    """The templates of a settings file; synthesized once for all tests."""
    from tests.synthesized import synthesize  # noqa: PLC0415 - after the guard above

    return synthesize
