"""The head's image, built from its Dockerfile, with a recording Nextflow as its distribution."""

import functools
import hashlib
import http.server
import json
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws import images
from testbed.distribution import distribution

pytestmark = pytest.mark.docker

CONTEXT = Path(__file__).parents[1] / "docker" / "nextflow"

NEXTFLOW = """#!/bin/sh
id -un
for argument in "$@"; do printf '<%s>' "$argument"; done
echo
echo "heap: $NXF_JVM_ARGS"
echo "pid 1: $(tr '\\0' ' ' </proc/1/cmdline)"
touch "$NXF_PLUGINS_DIR/another-1.0" && echo can add plugins
trap 'echo stopped; exit 9' TERM
case "$*" in *wait*) echo waiting; while :; do sleep 0.1; done ;; esac
exit 7
"""
PLUGINS = {
    f"plugins/nf-{name}/x": ""
    for name in ("amazon-3.9.2", "cloudcache-0.6.0", "head-1.0.0", "schema-2.5.1", "tower-1.28.2")
}


class Builder:
    """Builds images with distributions that it serves over HTTP on the loopback interface."""

    def __init__(self, base: str, folder: Path, port: int) -> None:
        self._base = base
        self._folder = folder
        self._port = port
        self.images: list[str] = []

    def build(self, content: bytes, sha256: str = "") -> "subprocess.CompletedProcess[str]":
        """Builds an image; its tag is the last of `images`.

        Args:
            content: The distribution.
            sha256: The checksum to give; the right one unless given.
        """
        # Always the same name and the same tag for the same content, so that layers are reused.
        digest = hashlib.sha256(content).hexdigest()
        (self._folder / digest).write_bytes(content)
        self.images.append(f"nextflow-head-test:{digest[:12]}")
        return subprocess.run(
            [
                *("docker", "build", "--force-rm", "--network", "host", "--tag", self.images[-1]),
                *("--build-arg", f"BASE_IMAGE={self._base}"),
                *(
                    "--build-arg",
                    f"NEXTFLOW_DISTRIBUTION=http://127.0.0.1:{self._port}/{digest}",
                ),
                *("--build-arg", f"NEXTFLOW_SHA256={sha256 or digest}"),
                str(CONTEXT),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> str:
    try:
        return images.ensure().base
    except images.ImagesUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def builder(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    folder = tmp_path_factory.mktemp("distributions")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        builder = Builder(base, folder, server.server_port)
        yield builder
        server.shutdown()
    for tag in builder.images:
        subprocess.run(["docker", "image", "rm", tag], capture_output=True, check=False)


@pytest.fixture(scope="module")
def image(builder: Builder) -> str:
    done = builder.build(distribution({"bin/nextflow": NEXTFLOW, **PLUGINS}))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return builder.images[-1]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket="bucket")
    yield url
    # What is in moto stays for all tests of this process, whichever server showed it.
    for item in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=item["Key"])
    client.delete_bucket(Bucket="bucket")
    server.stop()


@pytest.fixture
def container(endpoint: str) -> Iterator[tuple[str, list[str]]]:
    """A container's name, and the `docker run` command line up to the image."""
    name = f"nextflow-head-test-{uuid.uuid4().hex[:8]}"
    variables = {
        "AWS_BATCH_JOB_ID": "0b3ba3b5",
        "AWS_REGION": "us-east-1",
        "NF_JOB_QUEUE": "default",
        "NF_WORKDIR": "s3://bucket/runs",
        "NF_LOGSDIR": "s3://bucket/logs",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    environment = [word for pair in variables.items() for word in ("--env", "=".join(pair))]
    yield (
        name,
        [
            *("docker", "run", "--name", name, "--network", "host", "--memory", "1024m"),
            # As the job definition says; what the image declares as volumes stays writable.
            "--read-only",
            *environment,
        ],
    )
    subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)


def test_runs_nextflow_as_an_ordinary_user_under_the_head(
    image: str, container: tuple[str, list[str]]
) -> None:
    _, run = container

    done = subprocess.run(
        [*run, image, "hello", "a b", "$HOME", "*"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 7, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "nextflow"
    assert lines[1].endswith("<hello><a b><$HOME><*>")
    assert "<-resume>" in lines[1], "the plugin for the cloud cache was found"
    assert lines[2] == "heap: -Xmx512m -XX:+ExitOnOutOfMemoryError"
    assert lines[3] == "pid 1: python3 /usr/local/bin/nextflow-head hello a b $HOME * "
    assert lines[4] == "can add plugins"
    assert "logs and reports are in s3://bucket/logs/run-0b3ba3b5/a1" in done.stderr


def test_stopping_the_container_reaches_nextflow(
    image: str, container: tuple[str, list[str]]
) -> None:
    name, run = container
    with subprocess.Popen(
        [*run, image, "wait"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        while process.stdout.readline() != "waiting\n":
            assert process.poll() is None, "it ended before it was stopped"
        began = time.monotonic()
        subprocess.run(["docker", "stop", "--time", "60", name], check=True, capture_output=True)
        assert process.stdout.read() == "stopped\n"

    assert process.returncode == 143
    assert time.monotonic() - began < 9, "the engine kills after 10 s"


def inside(image: str, *command: str) -> str:
    """What a command says in the image, with a root file system that cannot be written to."""
    run = ["docker", "run", "--rm", "--network", "none", "--read-only", "--entrypoint"]
    done = subprocess.run(
        [*run, command[0], image, *command[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_build_refuses_another_distribution_than_its_checksum_says(builder: Builder) -> None:
    done = builder.build(distribution({"bin/nextflow": ""}), "0" * 64)

    assert done.returncode != 0
    assert f", expected {'0' * 64}" in done.stdout + done.stderr


def test_the_image_has_a_user_by_number_and_says_what_is_written_to(image: str) -> None:
    shown = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{json .Config}}", image],
        capture_output=True,
        text=True,
        check=True,
    )
    config = json.loads(shown.stdout)

    assert config["User"] == "1000"
    assert set(config["Volumes"]) == {"/home/nextflow", "/tmp"}  # noqa: S108
    assert config["Entrypoint"] == ["nextflow-head"]


def test_a_read_only_root_takes_nothing_from_the_user_but_debians_temporary_folders(
    image: str,
) -> None:
    """A folder that a layer gives to the user would be one that a run relies on and loses."""
    # Volumes are file systems of their own, of which -xdev names the place and no more.
    find = ["find", "/", "-xdev", "-writable", "-not", "-type", "l"]
    run = ["docker", "run", "--rm", "--network", "none", "--entrypoint", find[0], image]
    # It cannot look into the folders of root, which is a failure to it.
    done = subprocess.run([*run, *find[1:]], capture_output=True, text=True, check=False)

    volumes, lost = {"/home/nextflow", "/tmp"}, {"/run/lock", "/var/tmp"}  # noqa: S108
    assert volumes <= set(done.stdout.split()) <= volumes | lost, done.stderr


def test_the_image_brings_a_java_that_nextflow_supports(image: str) -> None:
    """17 to 26; TLS, zip file systems and what the AWS SDK and Groovy call are among its modules."""
    modules = inside(image, "java", "--list-modules")

    assert "java.base@21." in modules
    for module in ("java.net.http", "java.sql", "jdk.crypto.ec", "jdk.unsupported", "jdk.zipfs"):
        assert f"{module}@" in modules
    assert "jdk.compiler" not in modules


def test_the_images_java_trusts_whom_the_image_trusts(image: str) -> None:
    count = "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt; stat -L -c %s $JAVA_HOME/lib/security/cacerts"
    certificates, size = map(int, inside(image, "sh", "-c", count).split())

    assert certificates > 100
    assert size > 1000 * certificates, "a certificate in Java's form is about 1,200 bytes"


def test_the_image_has_nothing_that_only_a_build_needs(image: str) -> None:
    script = "for name in git curl unzip javac jlink; do command -v $name; done; ls /opt"

    assert inside(image, "sh", "-c", script).split() == ["java", "nextflow", "nextflow-head"]


def test_the_image_brings_its_plugins_and_lets_a_run_add_others(image: str) -> None:
    script = (
        'touch "$NXF_PLUGINS_DIR/more" && cd "$NXF_PLUGINS_DIR" && ls && test -e nf-amazon-3.9.2/x'
    )

    assert inside(image, "sh", "-c", script).split() == [
        "more",
        "nf-amazon-3.9.2",
        "nf-cloudcache-0.6.0",
        "nf-head-1.0.0",
        "nf-schema-2.5.1",
        "nf-tower-1.28.2",
    ]
