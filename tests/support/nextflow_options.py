"""The configuration options that the pinned Nextflow declares, by their names.

    python -m tests.support.nextflow_options CHECKOUT > tests/data/nextflow_options.txt

writes the list anew from a checkout of Nextflow's repository at the version's tag.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LIST = Path(__file__).parents[1] / "data" / "nextflow_options.txt"

#: The scopes that the head's configuration may name, and the classes that declare them.
_SCOPES = {
    "aws": "AwsConfig",
    "aws.batch": "AwsBatchConfig",
    "aws.client": "AwsS3Config",
    "cloudcache": "CloudCacheConfig",
    "dag": "DagConfig",
    "executor": "ExecutorConfig",
    "report": "ReportConfig",
    "timeline": "TimelineConfig",
    "trace": "TraceConfig",
}
_FIELD = re.compile(r"@ConfigOption\b.*?\n    (?:final )?[\w.<>?, ]+ (\w+)(?: =.*)?\n", re.DOTALL)
_DIRECTIVE = re.compile(r"^        void (\w+)\(", re.MULTILINE)


def declared() -> tuple[str, set[str]]:
    """The version that the list is of, and the names in it."""
    first, *names = LIST.read_text().splitlines()
    version = re.search(r"Nextflow ([\w.-]+)", first)
    assert version
    return version[1], set(names)


def of(checkout: Path) -> str:
    """The list of a checkout."""
    sources = {path.stem: path for path in checkout.glob("*/*/src/main/**/*Config.groovy")}
    process = checkout / "modules/nf-lang/src/main/java/nextflow/script/dsl/ProcessDsl.java"
    directives = process.read_text().partition("interface DirectiveDsl")[2].partition("interface")
    names = {f"process.{name}" for name in _DIRECTIVE.findall(directives[0])} | {"workDir"}
    for scope, name in _SCOPES.items():
        names |= {f"{scope}.{option}" for option in _FIELD.findall(sources[name].read_text())}
    version = (checkout / "VERSION").read_text().strip()
    return "\n".join(
        [
            f"# Declared by Nextflow {version}; renewed by tests/support/nextflow_options.py",
            *sorted(names),
        ]
    )


if __name__ == "__main__":
    print(of(Path(sys.argv[1])))
