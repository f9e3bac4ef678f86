"""What every test needs before aws_cdk is imported, and the stacks that many look at."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

# The same examples in each run, and no failure by the clock: machines are noisy.
hypothesis_settings.register_profile("project", deadline=None, derandomize=True)
hypothesis_settings.load_profile("project")

from stacks import jsii_cache, paths  # noqa: E402 - as below

jsii_cache.choose(paths.ROOT)

import boto3  # noqa: E402 - with the environment above
from moto import mock_aws  # noqa: E402
from moto.backends import get_backend  # noqa: E402

from tests.support.local_aws import Stack, local_testbed  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_aws.server import LocalAws
    from testbed.kernel_image import Image
    from testbed.kernel_worker import Worker
    from testbed.synthesized import Templates


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS whose jobs are processes."""
    with local_testbed(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[Stack]:
    """A stack on it, gone after the test."""
    made = Stack.new(aws)
    yield made
    made.delete()


@pytest.fixture
def s3() -> Iterator[Any]:
    """Moto's S3 in this process, with a bucket named `bucket`."""
    mock = mock_aws()
    # Moto would empty each service that any test before has loaded, which takes it seconds.
    mock.start(reset=False)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    yield client
    mock.stop(remove_data=False)
    for _account, _region, backend in get_backend("s3").iter_backends():
        backend.reset()


@pytest.fixture(scope="session")
def templates() -> Callable[[str], Templates]:
    """The templates of a settings file; synthesized once for all tests."""
    from testbed.synthesized import synthesize  # noqa: PLC0415 - after the guard above

    return synthesize


@pytest.fixture(scope="session")
def guest_image() -> Image:
    """What a guest with a real kernel boots."""
    from testbed import kernel_image  # noqa: PLC0415 - as above

    try:
        return kernel_image.ensure()
    except kernel_image.NoKernel as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def guest_worker() -> Worker:
    """What is deployed onto it."""
    from testbed import kernel_worker  # noqa: PLC0415 - as above

    return kernel_worker.deployed(scratch__size_gib=kernel_worker.SIZE)
