"""Nextflow's core, fetched by Maven: all of Nextflow but its cloud plugins."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from local_aws.errors import LocalAwsError

VERSION: Final = "25.04.4"
POM: Final = Path(__file__).with_name("core.pom.xml")
_DOWNLOAD_TIMEOUT_SECONDS: Final = 300

# The official launcher passes the same list; without java.nio.file.spi no plugin loads.
# https://github.com/nextflow-io/nextflow/blob/v25.04.4/nextflow
_OPENED_PACKAGES: Final = (
    "java.lang",
    "java.io",
    "java.nio",
    "java.net",
    "java.util",
    "java.util.concurrent.locks",
    "java.util.concurrent.atomic",
    "java.nio.file.spi",
    "sun.nio.ch",
    "sun.nio.fs",
    "sun.net.www.protocol.http",
    "sun.net.www.protocol.https",
    "sun.net.www.protocol.ftp",
    "sun.net.www.protocol.file",
    "jdk.internal.misc",
    "jdk.internal.vm",
    "java.util.regex",
)


class CoreUnavailable(LocalAwsError):  # noqa: N818 - a state of the machine, not a fault
    """Nextflow's core cannot be had on this machine; the message says why, in a sentence."""


def launcher() -> str:
    """The text of `bin/nextflow`: the real core, started as the official launcher starts it.

    It finds the libraries in `../lib` of where it lies, however it was linked to. Like the official
    one it sets `NXF_HOME` when the caller did not, takes `NXF_OPTS` and `NXF_JVM_ARGS`, and ends in
    `exec`, so that signals reach Java.

    Returns:
        A POSIX shell script.
    """
    opens = " \\\n  ".join(
        f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED_PACKAGES
    )
    return f"""#!/bin/sh
# Nextflow {VERSION}, from its libraries.
set -eu
self=$(readlink -f "$0")
home=${{self%/bin/*}}
export NXF_HOME="${{NXF_HOME:-$HOME/.nextflow}}"
export NXF_CLI="$0 $*"
java=${{NXF_JAVA_HOME:+$NXF_JAVA_HOME/bin/}}
java=${{java:-${{JAVA_HOME:+$JAVA_HOME/bin/}}}}java
# The options are lists of words, as in the official launcher.
# shellcheck disable=SC2086
exec "$java" ${{NXF_TEMP:+-Djava.io.tmpdir="$NXF_TEMP"}} -Dfile.encoding=UTF-8 \\
  ${{NXF_OPTS:-}} ${{NXF_JVM_ARGS:-}} \\
  {opens} \\
  -cp "$home/lib/*" nextflow.cli.Launcher "$@"
"""


def fetch(directory: Path) -> Path:
    """Fetches the core once; later calls find it in the directory.

    Safe when several processes do it at once: each works in a folder of its own, and the first to
    finish gives it the final name.

    Args:
        directory: Where to keep it; made if missing.

    Returns:
        A folder with `bin/nextflow` and `lib/*.jar` (57 of them, 31 MB).

    Raises:
        CoreUnavailable: Without Maven, without Java 17, or when the download fails.
    """
    pom = POM.read_bytes()
    fingerprint = hashlib.sha256(pom + launcher().encode()).hexdigest()[:12]
    home = directory / f"nextflow-core-{VERSION}-{fingerprint}"
    if home.is_dir():
        return home
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="core-", dir=directory) as temporary:
        building = Path(temporary) / "home"
        _download(building / "lib")
        script = building / "bin" / "nextflow"
        script.parent.mkdir()
        script.write_text(launcher())
        script.chmod(0o755)
        try:
            building.rename(home)
        except OSError:
            if not home.is_dir():
                raise
    return home


def fetch_library(artifact: str, directory: Path) -> Path:
    """Fetches one library once, without what it needs itself.

    Args:
        artifact: GROUP:NAME:VERSION.
        directory: Where to keep it; made if missing.

    Returns:
        The jar.

    Raises:
        CoreUnavailable: As for `fetch`.
    """
    _, name, version = artifact.split(":")
    jar = directory / f"{name}-{version}.jar"
    if not jar.is_file():
        _maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={directory}")
    return jar


def _download(lib: Path) -> None:
    """Has Maven copy the libraries into `lib`."""
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime")
    _maven("-f", str(POM), *goal, f"-DoutputDirectory={lib}")


def _maven(*arguments: str) -> None:
    for tool, meaning in (("java", "Java 17 or later"), ("mvn", "Maven")):
        if shutil.which(tool) is None:
            raise CoreUnavailable(f"Nextflow's core needs {meaning}: `{tool}` is not installed.")
    try:
        result = subprocess.run(
            ["mvn", "-q", "-B", "-Dstyle.color=never", *arguments],
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CoreUnavailable(
            f"Maven did not download Nextflow's core in {_DOWNLOAD_TIMEOUT_SECONDS} s."
        ) from None
    if result.returncode != 0:
        raise CoreUnavailable(f"Maven could not download Nextflow's core: {_reason(result.stdout)}")


def _reason(output: str) -> str:
    """Picks the first error out of what Maven printed, as one line.

    Args:
        output: Maven's standard output; its errors go there.
    """
    errors = re.findall(r"^\[ERROR\]\s*(.+)$", output, flags=re.MULTILINE)
    first = errors[0] if errors else output.strip() or "no output"
    return re.sub(r"\s+", " ", first)[:300]
