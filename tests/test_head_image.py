"""The head's image, built from its Dockerfile, with a recording Nextflow as its distribution."""

import functools
import hashlib
import http.server
import io
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws import images

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
PLUGINS = {f"plugins/nf-{name}/x": "" for name in ("amazon-3.9.2", "cloudcache-0.6.0")}


def distribution(files: dict[str, str]) -> bytes:
    """A .tar.gz with these files, all executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Builder:
    """Builds images with distributions that it serves over HTTP on the loopback interface."""

    def __init__(self, base: str, folder: Path, port: int) -> None:
        self._base = base
        self._folder = folder
        self._port = port
        self.images: list[str] = []

    def build(self, content: bytes, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Builds an image; its tag is the last of `images`."""
        # Always the same name and the same tag for the same content, so that layers are reused.
        digest = hashlib.sha256(content).hexdigest()[:12]
        (self._folder / digest).write_bytes(content)
        self.images.append(f"nextflow-head-test:{digest}")
        return subprocess.run(
            [
                *("docker", "build", "--force-rm", "--network", "host", "--tag", self.images[-1]),
                *("--build-arg", f"BASE_IMAGE={self._base}"),
                *(
                    "--build-arg",
                    f"NEXTFLOW_DISTRIBUTION=http://127.0.0.1:{self._port}/{digest}",
                ),
                *arguments,
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
        made = images.ensure()
    except images.ImagesUnavailable as reason:
        pytest.skip(str(reason))
    # The demo's head image grows from that one: its layers, Java among them, then serve here too.
    inspection = subprocess.run(
        ["docker", "image", "inspect", images.HEAD_BASE], capture_output=True, check=False
    )
    return made.base if inspection.returncode else images.HEAD_BASE


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
    boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    ).create_bucket(Bucket="bucket")
    yield url
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
            *environment,
        ],
    )
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


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
        subprocess.run(["docker", "stop", name], check=True, capture_output=True)
        assert process.stdout.read() == "stopped\n"

    assert process.returncode == 143
    assert time.monotonic() - began < 9, "the engine kills after 10 s"


@pytest.mark.parametrize(
    ("files", "arguments", "reason"),
    [
        (
            {"bin/nextflow": "#!/bin/sh\n"},
            [],
            "install-nextflow: the plugin nf-amazon@3.9.2 is not in /opt/nextflow/plugins",
        ),
        (
            {"bin/nextflow": "#!/bin/sh\nexit 1\n"},
            [],
            "install-nextflow: the plugins nf-amazon@3.9.2,nf-cloudcache@0.6.0 cannot be installed",
        ),
        ({"nextflow": ""}, [], "holds no executable bin/nextflow"),
        (
            {"bin/nextflow": ""},
            ["--build-arg", f"NEXTFLOW_SHA256={'0' * 64}"],
            f"install-nextflow: NEXTFLOW_SHA256={'0' * 64} is not the checksum of http://",
        ),
    ],
)
def test_a_build_without_what_a_run_needs_fails(
    builder: Builder, files: dict[str, str], arguments: list[str], reason: str
) -> None:
    done = builder.build(distribution(files), *arguments)

    assert done.returncode != 0
    assert reason in done.stdout + done.stderr


def test_a_distribution_may_say_that_it_has_no_plugins(builder: Builder) -> None:
    files = {"bin/nextflow": "#!/bin/sh\n", "no-plugins": "They cannot be had here."}

    done = builder.build(distribution(files))

    assert done.returncode == 0
    assert "install-nextflow: no plugins in this image: They cannot be had here." in done.stdout
