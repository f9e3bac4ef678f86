"""`python -m local_aws`: the local AWS in the foreground, until it is interrupted."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from docker.errors import DockerException
from requests import RequestException

from local_aws import cdk
from local_aws.demo import capabilities
from local_aws.errors import LocalAwsError
from local_aws.jobs import equip, make_runner
from local_aws.network import usable_engine
from local_aws.server import LocalAws

_DEFAULT_PORT = 4566
_LONGEST_MINUTE = 60
_MAX_PORT = 65535
#: What images and rehearsals are made from is kept from one time to the next.
_KEPT = Path(__file__).resolve().parents[1] / "build" / "local-aws"


def main(arguments: list[str] | None = None) -> int:
    """Runs the local AWS until SIGINT, SIGTERM or SIGHUP; returns the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _run(options)
    except KeyboardInterrupt:
        return 0
    except LocalAwsError as error:
        return _refuse(str(error))
    except (DockerException, RequestException) as error:
        return _refuse(f"the Docker engine fails: {error}")
    except OSError as error:
        return _refuse(
            f"state_dir {options.state_dir} cannot be used ({error.strerror}): "
            "choose a folder that can be written"
        )
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"local AWS: {why}\n")
    return 2


def _run(options: argparse.Namespace) -> None:
    stop = Event()
    with ExitStack() as stack:
        state = options.state_dir or Path(
            stack.enter_context(TemporaryDirectory(prefix="local-aws-"))
        )
        docker = usable_engine()
        # What can be refused is refused before anything is built.
        runner = make_runner(state, docker=docker, is_equipped=False)
        aws = LocalAws(
            options.region,
            options.port,
            runner=runner,
            state_dir=state,
            access_control=options.access_control,
            minute=options.minute,
        )
        stack.enter_context(aws)
        equip(runner)
        machine = capabilities.find(_KEPT, _say)
        machine.lead(runner)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        _introduce(aws, machine)
        stop.wait()


def _say(what: str) -> None:
    sys.stderr.write(f"# {what}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    parser.add_argument("--region", default="us-west-2", help="default: %(default)s")
    parser.add_argument(
        "--port", type=_port, default=_DEFAULT_PORT, help="0 for a free one; default: %(default)s"
    )
    parser.add_argument(
        "--state-dir", type=Path, help="folder for logs and state; default: a temporary one"
    )
    parser.add_argument(
        "--access-control",
        action="store_true",
        help="let roles do only what their policies allow; default: everybody may do everything",
    )
    parser.add_argument(
        "--minute",
        type=_seconds,
        default=60,
        metavar="SECONDS",
        help="how long a minute takes where AWS waits for minutes: for jobs that hold an update"
        " of their workers, and in CloudFormation; default: %(default)s",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: must be 0 to {_MAX_PORT}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_MINUTE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed: must be more than 0 and at most {_LONGEST_MINUTE} seconds"
        )
    return seconds


def _introduce(aws: LocalAws, machine: capabilities.Capabilities) -> None:
    wanted = {**aws.client_environment(), **cdk.variables(aws), **machine.build_arguments}
    if any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in os.environ):
        wanted |= {name: aws.environment()[name] for name in ("NO_PROXY", "no_proxy")}
    runs = "Docker containers" if machine.is_docker else "local processes"
    sys.stdout.write(
        f"# A local AWS listens on {aws.endpoint}; its Batch runs jobs as {runs}.\n"
        + "".join(f"# Not real: {what}.\n" for what in machine.rehearsed)
        + f"# In another terminal:\n{_exports(wanted)}unset AWS_PROFILE AWS_SESSION_TOKEN\n"
    )
    sys.stdout.flush()


def _exports(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())


if __name__ == "__main__":
    sys.exit(main())
