#!/usr/bin/env python3
"""What the cdk command line runs in the place of `docker` (its `CDK_DOCKER`).

There is no registry behind the local AWS: its Batch finds images in the Docker engine. So `build`,
`tag` and whatever else go on to docker, under names that depend on the build arguments: several
local AWS may share an engine, and build the same sources differently. `login` and `push` succeed
without a registry, and `push` says to the local ECR that the image is there, and to the runner of
jobs which one of the engine's it is.

Where no engine answers, nothing can be built. Then `build` and `tag` only write down, in the
folder LOCAL_AWS_IMAGES, which image would have come from where, for the runner that starts jobs
as local processes.

Only Python's standard library is used: it is started by whatever Python is on the PATH.

Environment:
    AWS_ENDPOINT_URL, AWS_REGION: The local AWS.
    LOCAL_AWS_IMAGES: The folder of these notes; set only where there is no engine.
    BASE_IMAGE, FETCH_IMAGE, NEXTFLOW_DISTRIBUTION, NEXTFLOW_PLUGIN_REGISTRY, NEXTFLOW_PLUGINS,
        NEXTFLOW_SHA256: Build arguments to add, for Dockerfiles that take them.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import quote

BUILD_ARGUMENTS = (
    "BASE_IMAGE",
    "FETCH_IMAGE",
    "NEXTFLOW_DISTRIBUTION",
    "NEXTFLOW_PLUGIN_REGISTRY",
    "NEXTFLOW_PLUGINS",
    "NEXTFLOW_SHA256",
)
#: The names under which the cdk command line builds an image and pushes it.
_MARKED = re.compile(r"^(cdkasset-|\d{12}\.dkr\.ecr\.)")
_REPOSITORY = re.compile(r"[^/]+\.dkr\.ecr\.[^/]+/([^:@]+):([^:@]+)")


def main(arguments: list[str]) -> int:
    """Does what `docker ARGUMENTS` should do here; returns its exit code."""
    command = arguments[0] if arguments else ""
    if command == "login":
        return 0
    if command == "manifest":
        return 1
    notes = os.environ.get("LOCAL_AWS_IMAGES")
    if notes:
        return _without_engine(Path(notes), command, arguments[1:])
    if command == "build":
        arguments = ["build", *_added(arguments), *arguments[1:]]
    docker = shutil.which("docker")
    if docker is None:
        sys.stderr.write("docker is not on the PATH, although a Docker engine responds\n")
        return 127
    mark = _mark(docker)
    if command == "push":
        return _push(
            arguments[-1],
            {"context": "", "entrypoint": [], "image": f"{mark}{arguments[-1]}"},
        )
    marked = [_MARKED.sub(lambda name: f"{mark}{name[0]}", argument) for argument in arguments]
    return subprocess.run([docker, *marked], check=False).returncode


def _mark(docker: str) -> str:
    """What an image's name begins with that was built with these arguments.

    The cdk command line builds an asset only if the engine has no image `cdkasset-HASH`, and the
    hash knows nothing of build arguments. Under its own name an image made for here would be what
    a deploy to AWS pushes.
    """
    build_arguments = [os.environ.get(name, "") for name in BUILD_ARGUMENTS]
    base = subprocess.run(
        [docker, "image", "inspect", "--format", "{{.Id}}", build_arguments[0] or "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    content = "\0".join([*build_arguments, base.stdout])
    return f"local-aws-{hashlib.sha256(content.encode()).hexdigest()[:12]}-"


def _added(arguments: list[str]) -> list[str]:
    """The build arguments from the environment that this Dockerfile takes."""
    declared = set(re.findall(r"^ARG\s+(\w+)", _dockerfile(arguments), re.MULTILINE))
    added = []
    for name in BUILD_ARGUMENTS:
        if name in declared and os.environ.get(name):
            added += ["--build-arg", f"{name}={os.environ[name]}"]
    return added


def _dockerfile(arguments: list[str]) -> str:
    file = Path(arguments[-1]) / _option(arguments, "--file", "Dockerfile")
    return file.read_text() if file.is_file() else ""


def _option(arguments: list[str], name: str, default: str) -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else default


def _without_engine(notes: Path, command: str, arguments: list[str]) -> int:
    """Keeps notes of images instead of images."""
    if command == "build":
        context = Path(arguments[-1]).resolve()
        note: dict[str, object] = {
            "context": str(context),
            "dockerfile": _option(arguments, "--file", "Dockerfile"),
            "entrypoint": _entrypoint(_dockerfile(arguments)),
        }
        return _write(notes, _option(arguments, "--tag", ""), note)
    if command == "tag":
        source, target = arguments
        note = json.loads(_note(notes, source).read_text())
        return _write(notes, target, note)
    if command == "push":
        return _push(arguments[-1], json.loads(_note(notes, arguments[-1]).read_text()))
    if command == "inspect":
        return 0 if _note(notes, arguments[-1]).is_file() else 1
    sys.stderr.write(f"docker {command}: there is no Docker engine here\n")
    return 1


def _entrypoint(dockerfile: str) -> list[str]:
    """The image's entry point, if the Dockerfile gives it in exec form."""
    found = re.findall(r"^ENTRYPOINT\s+(\[.*\])", dockerfile, re.MULTILINE)
    entrypoint: list[str] = json.loads(found[-1]) if found else []
    return entrypoint


def _note(notes: Path, image: str) -> Path:
    return notes / f"{quote(image, safe='')}.json"


def _write(notes: Path, image: str, note: dict[str, object]) -> int:
    notes.mkdir(parents=True, exist_ok=True)
    _note(notes, image).write_text(json.dumps({**note, "name": image}, indent=2))
    return 0


def _push(image: str, note: dict[str, object]) -> int:
    """Tells the local ECR that the image is there, and the runner what it would run."""
    _post("/_local/images", {"name": image, **note}, {})
    found = _REPOSITORY.fullmatch(image)
    if found is None:
        return 0
    digest = hashlib.sha256(image.encode()).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(image),
            "digest": f"sha256:{digest}",
        },
        "layers": [],
    }
    note = {"repositoryName": found[1], "imageTag": found[2], "imageManifest": json.dumps(manifest)}
    key, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"]
    scope = f"{key}/20260101/{region}/ecr/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.PutImage",
    }
    _post("/", note, headers)
    return 0


def _post(path: str, content: dict[str, object], headers: dict[str, str]) -> None:
    """Sends JSON to the local AWS, past any proxy."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}{path}"
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)  # noqa: S310
    past_proxies = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    past_proxies.open(request, timeout=30).close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
