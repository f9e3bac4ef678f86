"""What the head's image is built from: locked by `make lock-image`, checked by the build."""

import hashlib
import http.server
import io
import json
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import image_lock
from local_aws import images
from testbed.distribution import distribution

DOCKERFILE = Path(image_lock.__file__).with_name("Dockerfile")
INSTALL = DOCKERFILE.with_name("install-nextflow.sh")
DIGEST = f"sha256:{'d' * 64}"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "/v2/docker/library/debian/manifests/trixie-slim"
RELEASE = "/v26.04.6/nextflow-26.04.6-dist"


def archive() -> bytes:
    """A plugin as its registry gives it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        # Without the time of now, which would be another checksum two seconds later.
        file.writestr(zipfile.ZipInfo("classes/META-INF/MANIFEST.MF"), "Plugin-Id: x\n")
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Mirror(http.server.ThreadingHTTPServer):
    """Plays the hosts that the image is made from.

    They are an image registry that wants a token, as AWS's does, Nextflow's releases, and the
    registry of its plugins.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.address}"
        self.media_type = INDEX
        self.missing = 0
        self.silence = threading.Event()
        self.stalls = False
        plugins = (
            *("nf-amazon/3.9.2", "nf-cloudcache/0.6.0", "nf-tower/1.28.2"),
            "nf-schema/2.5.1",
        )
        names = [f"/plugins/{name}/download/{name.replace('/', '-')}.zip" for name in plugins]
        self.files = {RELEASE: b"#!/bin/sh\n", **dict.fromkeys(names, archive())}

    def dockerfile(self) -> str:
        """The project's Dockerfile, not locked, with this mirror's addresses."""
        text = re.sub(r"@sha256:[0-9a-f]{64}|=[0-9a-f]{64}(?=[ \"])", "", DOCKERFILE.read_text())
        text = re.sub(r"^(ARG NEXTFLOW_SHA256)=.*", r'\1=""', text, flags=re.M)
        for real, here in (
            ("https://github.com/nextflow-io/nextflow/releases/download", self.url),
            ("https://registry.nextflow.io/api/v1/plugins", f"{self.url}/plugins"),
            ("public.ecr.aws", self.address),
        ):
            assert real in text
            text = text.replace(real, here)
        return text


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_HEAD(self) -> None:
        if self.path != MANIFEST:
            self.send_error(404)
        elif self.headers["Authorization"] != "Bearer granted":
            realm = f'realm="{self.server.url}/token",service="here",scope="repository:debian:pull"'
            self.send_response(401)
            self.send_header("WWW-Authenticate", f"Bearer {realm}")
            self.end_headers()
        else:
            assert INDEX in self.headers["Accept"]
            self.send_response(200)
            self.send_header("Content-Type", self.server.media_type)
            self.send_header("Docker-Content-Digest", DIGEST)
            self.end_headers()

    def do_GET(self) -> None:
        urls = "/token?service=here&scope=repository%3Adebian%3Apull"
        token = json.dumps({"token": "granted"}).encode()
        content = token if self.path == urls else self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + self.server.missing))
        self.end_headers()
        if self.server.stalls:
            self.wfile.write(content[:1])
            self.wfile.flush()
            self.server.silence.wait(60)
            return
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.silence.set()
        server.shutdown()


def install(
    root: Path, arguments: dict[str, str], **others: str
) -> "subprocess.CompletedProcess[str]":
    """Installs as the Dockerfile does, with its arguments or others."""
    missing = [tool for tool in ("curl", "sha256sum", "unzip") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed here, as it is in the image: {', '.join(missing)}")
    return subprocess.run(
        [str(INSTALL), str(root)],
        env={"PATH": "/usr/bin:/bin", **arguments, **others},
        capture_output=True,
        text=True,
        check=False,
    )


def test_locking_writes_a_digest_and_each_checksum_and_nothing_else(
    mirror: Mirror, tmp_path: Path
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(mirror.dockerfile())

    assert image_lock.main([str(dockerfile)]) == 0

    before, after = mirror.dockerfile().splitlines(), dockerfile.read_text().splitlines()
    plugin = sha256(archive())
    assert [line for line in after if line not in before] == [
        f"ARG BASE_IMAGE={mirror.address}/docker/library/debian:trixie-slim@{DIGEST}",
        f"ARG NEXTFLOW_SHA256={sha256(mirror.files[RELEASE])}",
        f'ARG NEXTFLOW_PLUGINS="nf-amazon@3.9.2={plugin} nf-cloudcache@0.6.0={plugin}'
        f' nf-tower@1.28.2={plugin} nf-schema@2.5.1={plugin}"',
    ]
    assert len(before) == len(after)


def test_locking_anew_gives_the_values_of_today(mirror: Mirror) -> None:
    once = image_lock.locked(mirror.dockerfile())
    mirror.files[RELEASE] = b"another"

    assert image_lock.locked(once) == once.replace(sha256(b"#!/bin/sh\n"), sha256(b"another"))


@pytest.mark.parametrize("gone", [RELEASE, "/plugins/nf-tower/1.28.2/download/nf-tower-1.28.2.zip"])
def test_what_cannot_be_fetched_leaves_the_dockerfile(
    gone: str, mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(mirror.dockerfile())
    del mirror.files[gone]

    assert image_lock.main([str(dockerfile)]) == 2

    output = f"lock-image: {mirror.url}{gone} cannot be downloaded: HTTP Error 404: Not Found\n"
    assert capsys.readouterr().err == output
    assert dockerfile.read_text() == mirror.dockerfile()


def test_half_a_download_is_not_locked(mirror: Mirror) -> None:
    mirror.missing = 7
    text = mirror.dockerfile()

    with pytest.raises(image_lock.LockError, match=r"downloaded: 7 bytes are missing$"):
        image_lock.locked(text)


@pytest.mark.parametrize(
    ("tag", "media_type", "reason"),
    [
        ("gone", INDEX, "cannot read the digest of {}: HTTP Error 404: Not Found"),
        (
            "trixie-slim",
            "application/vnd.oci.image.manifest.v1+json",
            "{} is for one platform only: name an image for amd64 and arm64",
        ),
    ],
)
def test_a_base_without_a_digest_for_both_platforms_is_refused(
    tag: str, media_type: str, reason: str, mirror: Mirror
) -> None:
    mirror.media_type = media_type
    with pytest.raises(image_lock.LockError) as refused:
        image_lock.locked(mirror.dockerfile().replace(":trixie-slim", f":{tag}"))

    image = f"{mirror.address}/docker/library/debian:{tag}"
    assert str(refused.value) == reason.format(image)


@pytest.mark.parametrize("locked", [True, False])
def test_a_build_installs_nextflow_and_its_plugins(
    locked: bool, mirror: Mirror, tmp_path: Path
) -> None:
    text = mirror.dockerfile()
    arguments = image_lock.block(image_lock.locked(text) if locked else text)

    done = install(tmp_path, arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "bin/nextflow").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "bin/nextflow").stat().st_mode & 0o111
    found = {path.parent.name for path in tmp_path.glob("plugins/*/classes")}
    assert found == {
        *("nf-amazon-3.9.2", "nf-cloudcache-0.6.0", "nf-tower-1.28.2", "nf-schema-2.5.1"),
    }


def test_scanners_find_nextflow_its_libraries_and_each_plugin(
    mirror: Mirror, tmp_path: Path
) -> None:
    launcher = b"#!/bin/sh\nNXF_VER=${NXF_VER:-'26.04.6'}\n"
    mirror.files[RELEASE] = launcher + archive()

    done = install(tmp_path, image_lock.block(mirror.dockerfile()))

    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "bin" / "nextflow.jar") as jar:
        assert jar.namelist() == ["classes/META-INF/MANIFEST.MF"]
    document = json.loads((tmp_path / "nextflow.cdx.json").read_text())
    assert sorted(component["purl"] for component in document["components"]) == [
        "pkg:generic/nextflow@26.04.6",
        "pkg:generic/nf-amazon@3.9.2",
        "pkg:generic/nf-cloudcache@0.6.0",
        "pkg:generic/nf-schema@2.5.1",
        "pkg:generic/nf-tower@1.28.2",
    ]


def test_a_locked_build_refuses_another_nextflow(mirror: Mirror, tmp_path: Path) -> None:
    arguments = image_lock.block(image_lock.locked(mirror.dockerfile()))
    mirror.files[RELEASE] = b"tampered"

    done = install(tmp_path, arguments)

    assert done.returncode == 1
    assert done.stderr == (
        f"install-nextflow: NEXTFLOW_SHA256: {mirror.url}{RELEASE} has the SHA-256"
        f" {sha256(b'tampered')}, expected {sha256(b'#!/bin/sh' + bytes([10]))}\n"
    )
    assert not (tmp_path / "bin").exists()


def test_a_locked_build_refuses_another_plugin(mirror: Mirror, tmp_path: Path) -> None:
    arguments = image_lock.block(image_lock.locked(mirror.dockerfile()))
    zip_file = "/plugins/nf-tower/1.28.2/download/nf-tower-1.28.2.zip"
    mirror.files[zip_file] = b"tampered"

    done = install(tmp_path, arguments)

    assert done.returncode == 1
    assert done.stderr == (
        f"install-nextflow: NEXTFLOW_PLUGINS: {mirror.url}{zip_file} has the SHA-256"
        f" {sha256(b'tampered')}, expected {sha256(archive())}\n"
    )


def test_a_mirror_of_a_locked_release_needs_no_checksum(mirror: Mirror, tmp_path: Path) -> None:
    arguments = image_lock.block(image_lock.locked(mirror.dockerfile()))
    mirror.files["/mirrored"] = mirror.files[RELEASE]

    assert install(tmp_path, arguments, NEXTFLOW_DISTRIBUTION=f"{mirror.url}/mirrored").stderr == ""


def test_another_distribution_needs_its_checksum(mirror: Mirror, tmp_path: Path) -> None:
    arguments = image_lock.block(mirror.dockerfile())

    done = install(tmp_path, arguments, NEXTFLOW_DISTRIBUTION=f"{mirror.url}/other")

    assert done.returncode == 1
    assert done.stderr == (
        "install-nextflow: NEXTFLOW_SHA256 is missing:"
        f" NEXTFLOW_DISTRIBUTION={mirror.url}/other needs its SHA-256\n"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"NEXTFLOW_PLUGINS": "nf-amazon"},
            "NEXTFLOW_PLUGINS: nf-amazon must be ID@VERSION or ID@VERSION=SHA256",
        ),
        (
            {"NEXTFLOW_PLUGINS": "nf-none@1.0"},
            "NEXTFLOW_PLUGINS: {url}/plugins/nf-none/1.0/download/nf-none-1.0.zip cannot be"
            " downloaded: curl: (22) The requested URL returned error: 404",
        ),
        (
            {"NEXTFLOW_PLUGINS": "nf-page@1.0"},
            "NEXTFLOW_PLUGINS: {url}/plugins/nf-page/1.0/download/nf-page-1.0.zip is not a zip"
            " archive",
        ),
        (
            {"NEXTFLOW_DISTRIBUTION": "{url}/empty.tar.gz"},
            "NEXTFLOW_DISTRIBUTION: {url}/empty.tar.gz contains no executable bin/nextflow",
        ),
    ],
)
def test_a_build_without_what_a_run_needs_fails_in_one_line(
    change: dict[str, str], reason: str, mirror: Mirror, tmp_path: Path
) -> None:
    empty = distribution({"nextflow": ""})
    mirror.files["/empty.tar.gz"] = empty
    mirror.files["/plugins/nf-page/1.0/download/nf-page-1.0.zip"] = b"<html>"
    arguments = image_lock.block(mirror.dockerfile())
    if "NEXTFLOW_DISTRIBUTION" in change:
        arguments["NEXTFLOW_SHA256"] = sha256(empty)

    change = {name: value.format(url=mirror.url) for name, value in change.items()}
    done = install(tmp_path, arguments, **change)

    assert done.returncode == 1
    assert done.stderr == f"install-nextflow: {reason.format(url=mirror.url)}\n"


def test_a_build_does_not_wait_for_a_host_that_falls_silent(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = INSTALL.read_text()
    hasty = patient.replace("--retry 2", "--retry 0").replace("--speed-time 30", "--speed-time 1")
    assert hasty != patient
    script = tmp_path / "install-nextflow.sh"
    script.write_text(hasty)
    script.chmod(0o755)
    monkeypatch.setattr("tests.test_head_image_lock.INSTALL", script)
    mirror.stalls = True

    done = install(tmp_path / "root", image_lock.block(mirror.dockerfile()))

    assert done.returncode == 1
    assert done.stderr == (
        f"install-nextflow: NEXTFLOW_DISTRIBUTION: {mirror.url}{RELEASE} cannot be downloaded:"
        " curl: (28) Operation too slow. Less than 1 bytes/sec transferred the last 1 seconds\n"
    )


def test_a_distribution_may_say_that_it_has_no_plugins(mirror: Mirror, tmp_path: Path) -> None:
    content = distribution({"bin/nextflow": "#!/bin/sh\n", "no-plugins": "They are not available."})
    mirror.files["/own.tar.gz"] = content

    done = install(
        tmp_path,
        image_lock.block(mirror.dockerfile()),
        NEXTFLOW_DISTRIBUTION=f"{mirror.url}/own.tar.gz",
        NEXTFLOW_SHA256=sha256(content),
    )

    assert done.returncode == 0
    assert done.stdout == "install-nextflow: no plugins in this image: They are not available.\n"
    assert list((tmp_path / "plugins").iterdir()) == []


def test_the_local_aws_starts_from_the_same_base() -> None:
    base = image_lock.block(DOCKERFILE.read_text())["BASE_IMAGE"]

    assert base.partition("@")[0] == images.PRODUCTION_BASE
