"""`make sbom`: a pinned Syft finds what it does not know by itself."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from stacks import paths

if TYPE_CHECKING:
    from pathlib import Path

MODULE = paths.ROOT / "audit" / "sbom"
SYFT = paths.ROOT / "build" / "syft" / "syft"
MAKEFILE = (paths.ROOT / "Makefile").read_text()


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=paths.ROOT,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_syft_is_pinned_by_version_and_checksum() -> None:
    module = (MODULE / "go.mod").read_text()
    (version,) = re.findall(r"^\s+github\.com/anchore/syft (v[\d.]+)", module, re.MULTILINE)
    assert "tool github.com/anchore/syft/cmd/syft\n" in module
    assert f"github.com/anchore/syft {version} h1:" in (MODULE / "go.sum").read_text()


def test_an_image_that_is_built_already_is_not_built_again() -> None:
    assert "docker build" in _make("-n", "sbom").stdout
    named = _make("-n", "sbom", "IMAGE=mine:1").stdout
    assert "docker build" not in named
    assert '"docker:mine:1"' in named


def test_syft_finds_nextflow_its_libraries_and_plugins(tmp_path: Path) -> None:
    """In an executable with a jar at its end, and in the document that the image contains."""
    if not SYFT.exists():
        pytest.skip("Syft is not built: `make sbom` builds it, which takes minutes")
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        folder = "META-INF/maven/org.pf4j/pf4j"
        archive.writestr(
            f"{folder}/pom.properties", "groupId=org.pf4j\nartifactId=pf4j\nversion=3.14.1\n"
        )
    (tmp_path / "nextflow").write_bytes(b"#!/bin/bash\n" + jar.getvalue())
    (tmp_path / "nextflow.jar").symlink_to("nextflow")
    plugin = {"type": "library", "name": "nf-amazon", "version": "3.9.2"}
    plugin["purl"] = "pkg:generic/nf-amazon@3.9.2"
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    text = json.dumps({**document, "components": [plugin]})
    (tmp_path / "nextflow.cdx.json").write_text(text)
    (catalogers,) = re.findall(r"--select-catalogers (\S+)", MAKEFILE)

    done = subprocess.run(
        [
            *(SYFT, "scan", "--quiet", f"dir:{tmp_path}", "--output", "cyclonedx-json"),
            *("--override-default-catalogers", "image", "--select-catalogers", catalogers),
        ],
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        capture_output=True,
        check=True,
    )

    purls = {component["purl"] for component in json.loads(done.stdout)["components"]}
    assert {"pkg:maven/org.pf4j/pf4j@3.14.1", "pkg:generic/nf-amazon@3.9.2"} <= purls
