"""Where jsii, the bridge from Python to the CDK, keeps the CDK's JavaScript unpacked.

jsii refuses its usual place where other users of a group might write to it, as with the umask 002
that Debian and Ubuntu give to users, and where the home folder cannot be written to.
https://github.com/aws/jsii/blob/main/packages/%40jsii/kernel/src/tar-cache/index.ts
"""

import os
from pathlib import Path

VARIABLE = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"


def choose(project: Path) -> None:
    """Choose a folder that only this user can write to; to be called before aws_cdk is imported.

    Args:
        project: The project's folder; the cache goes below it if there is no other place.
    """
    if VARIABLE in os.environ:
        return
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nextflow-batch"
        place.mkdir(parents=True, exist_ok=True)
        # Too late for whoever was let in before, so it is never opened to them.
        place.chmod(0o700)
        (place / "jsii").mkdir(exist_ok=True)
    except (OSError, RuntimeError):
        place = project / "build"
    os.environ[VARIABLE] = str(place / "jsii")
