"""`python -m local_aws`: the local AWS in the foreground, until it is interrupted."""

import argparse
import signal
import sys
from pathlib import Path
from threading import Event

from local_aws.server import LocalAws, LocalAwsError

_DEFAULT_PORT = 4566
_MAX_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Runs the local AWS until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    options = _parser().parse_args(arguments)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        with LocalAws(options.region, options.port, state_dir=options.state_dir) as aws:
            _introduce(aws)
            stop.wait()
    except LocalAwsError as error:
        sys.stderr.write(f"local AWS: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    parser.add_argument("--region", default="us-west-2", help="default: %(default)s")
    parser.add_argument(
        "--port", type=_port, default=_DEFAULT_PORT, help="0 for a free one; default: %(default)s"
    )
    parser.add_argument(
        "--state-dir", type=Path, help="folder for logs and the like; default: a temporary one"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed are 0 to {_MAX_PORT}")
    return int(text)


def _introduce(aws: LocalAws) -> None:
    wanted = aws.client_environment()
    lines = [f"export {name}={value}" for name, value in wanted.items()]
    runs = "Docker containers" if aws.runner_name == "docker" else "processes of this machine"
    sys.stdout.write(
        f"# A local AWS listens on {aws.endpoint}; its Batch runs jobs as {runs}.\n"
        "# In another terminal:\n" + "\n".join(lines) + "\nunset AWS_PROFILE AWS_SESSION_TOKEN\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
