"""What the head prints."""

import sys


def say(line: str) -> None:
    """Prints a line for the user, to standard error; standard output is Nextflow's."""
    print(f"nextflow-head: {line}", file=sys.stderr, flush=True)
