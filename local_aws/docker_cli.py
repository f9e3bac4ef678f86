#!/usr/bin/env python3
"""What the cdk command line runs in the place of `docker` (its `CDK_DOCKER`).

There is no registry behind the local AWS: its Batch finds images in the Docker engine, by the
name that the cdk command line tags them with. So `build`, `tag` and whatever else go on to
docker, `login` and `push` succeed without one, and `push` tells the local ECR of the image.

Where no engine answers, nothing can be built. Then `build` and `tag` only write down, in the
folder LOCAL_AWS_IMAGES, which image would have come from where, for the runner that starts jobs
as local processes.

Environment:
    AWS_ENDPOINT_URL: The local AWS.
    LOCAL_AWS_IMAGES: The folder of these notes; set only where there is no engine.
    BASE_IMAGE, FETCH_IMAGE, NEXTFLOW_DISTRIBUTION, NEXTFLOW_PLUGINS, NEXTFLOW_SHA256: Build
        arguments to add, for Dockerfiles that take them.
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
    "NEXTFLOW_PLUGINS",
    "NEXTFLOW_SHA256",
)
_REPOSITORY = re.compile(r"[^/]+\.dkr\.ecr\.[^/]+/([^:@]+):([^:@]+)")


def main(arguments: list[str]) -> int:
    """Does what `docker ARGUMENTS` should do here; returns its exit code."""
    command = arguments[0] if arguments else ""
    if command == "login":
        return 0
    if command == "manifest":
        return 1
    notes = os.environ.get("LOCAL_AWS_IMAGES")
    if command == "push":
        return _push(arguments[-1], Path(notes) if notes else None)
    if notes:
        return _without_engine(Path(notes), command, arguments[1:])
    if command == "build":
        arguments = ["build", *_added(arguments), *arguments[1:]]
    docker = shutil.which("docker")
    if docker is None:
        sys.stderr.write("docker is not on the PATH, although a Docker engine answers\n")
        return 127
    mark = _mark(docker)
    marked = [argument.replace("cdkasset-", f"{mark}cdkasset-", 1) for argument in arguments]
    return subprocess.run([docker, *marked], check=False).returncode


def _mark(docker: str) -> str:
    """What an image's name begins with that was built with these arguments.

    The cdk command line builds an asset only if the engine has no image `cdkasset-HASH`, and the
    hash knows nothing of build arguments. Under its own name an image made for here would be what
    a deploy to AWS pushes.
    """
    given = [os.environ.get(name, "") for name in BUILD_ARGUMENTS]
    base = subprocess.run(
        [docker, "image", "inspect", "--format", "{{.Id}}", given[0] or "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    made_of = "\0".join([*given, base.stdout])
    return f"local-aws-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}-"


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
        made: dict[str, object] = {
            "context": str(context),
            "dockerfile": _option(arguments, "--file", "Dockerfile"),
            "entrypoint": _entrypoint(_dockerfile(arguments)),
        }
        return _write(notes, _option(arguments, "--tag", ""), made)
    if command == "tag":
        source, target = arguments
        made = json.loads(_note(notes, source).read_text())
        return _write(notes, target, made)
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


def _write(notes: Path, image: str, made: dict[str, object]) -> int:
    notes.mkdir(parents=True, exist_ok=True)
    _note(notes, image).write_text(json.dumps({**made, "name": image}, indent=2))
    return 0


def _push(image: str, notes: Path | None) -> int:
    """Tells the local ECR that the image is there, and the runner what it would run."""
    if notes:
        url = f"{os.environ['AWS_ENDPOINT_URL']}/_local/images"
        body = _note(notes, image).read_bytes()
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=30).close()  # noqa: S310
    found = _REPOSITORY.fullmatch(image)
    if found is None:
        return 0
    import boto3  # noqa: PLC0415 -- half a second that the other commands need not wait

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
    boto3.client("ecr").put_image(
        repositoryName=found[1], imageTag=found[2], imageManifest=json.dumps(manifest)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
