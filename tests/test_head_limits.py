"""What the head sets stays within what the libraries that get it accept; these are asked."""

import dataclasses
from pathlib import Path

import pytest

from local_aws.rehearsal import core
from nextflow_head import configuration, memory
from nextflow_head.session import Session
from tests.support import groovy
from tests.test_head_configuration import BARE

CACHE = Path(__file__).parents[1] / "build" / "rehearsal"
#: The newest on Maven Central of the series that nf-amazon 3.9.2 brings, by its AWS SDK 2.46.8.
CRT = "software.amazon.awssdk.crt:aws-crt:0.46.1"
#: As the SDK does it with what Nextflow hands on.
#: https://github.com/aws/aws-sdk-java-v2/blob/2.46.8/services/s3/src/main/java/software/amazon/awssdk/services/s3/internal/crt/S3NativeClientConfiguration.java
ASK = """
import software.amazon.awssdk.crt.CrtRuntimeException
import software.amazon.awssdk.crt.io.*
import software.amazon.awssdk.crt.s3.*

def bootstrap = new ClientBootstrap(new EventLoopGroup(1), null)
args.each { retries ->
    def backoff = new ExponentialBackoffRetryOptions().withMaxRetries(retries as long)
    def options = new S3ClientOptions()
        .withRegion('us-east-1')
        .withClientBootstrap(bootstrap)
        .withStandardRetryOptions(new StandardRetryOptions().withBackoffRetryOptions(backoff))
    try {
        new S3Client(options).close()
        println "$retries accepted"
    } catch( CrtRuntimeException e ) {
        println "$retries refused"
    }
}
System.exit(0)
"""


@pytest.fixture(scope="module")
def libraries() -> list[Path]:
    """Groovy, of Nextflow's core, and the CRT."""
    try:
        home = core.fetch(CACHE)
        crt = core.fetch_library(CRT, CACHE)
    except core.CoreUnavailable as reason:
        pytest.skip(str(reason))
    return [*(home / "lib").glob("*.jar"), crt]


def retries(attempts: int) -> int:
    """How many the head's configuration allows S3's client."""
    environment = dataclasses.replace(BARE, max_attempts=attempts)
    text = configuration.render(environment, Session.of(environment), Path("/reports"), 512)
    (line,) = [line for line in text.splitlines() if "maxErrorRetry =" in line]
    return int(line.partition("=")[2])


def test_the_client_that_copies_files_accepts_the_retries_however_many_attempts_are_asked_for(
    libraries: list[Path], tmp_path: Path
) -> None:
    attempts = [retries(1), retries(5), retries(100), retries(10**6), configuration.CRT_RETRIES + 1]

    *accepted, beyond = groovy.run(ASK, tmp_path, libraries, *map(str, attempts))

    assert accepted == [f"{count} accepted" for count in (0, 4, 63, 63)]
    assert beyond == "64 refused", "or the head could allow more"


def test_the_buffers_of_downloads_hold_the_ten_parts_that_nextflow_insists_on() -> None:
    # https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/config/AwsS3Config.groovy
    assert {memory.download_buffers(heap) >= 10 * 8 for heap in (128, 512, 5888)} == {True}
