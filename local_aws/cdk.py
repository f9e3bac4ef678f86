"""The real cdk command line, pointed at a local AWS."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_aws.errors import LocalAwsError
from local_aws.server import ACCOUNT, LocalAws

_ROOT = Path(__file__).resolve().parent.parent
_DOCKER_CLI = Path(__file__).with_name("docker_cli.py")
_NO_DIFFERENCES = re.compile(r"Number of stacks with differences: 0\b")


class CdkError(LocalAwsError):
    """The cdk command line failed; the message ends with its last lines.

    Attributes:
        output: All that it said.
    """

    def __init__(self, command: str, code: int, output: str) -> None:
        self.output = output
        tail = "\n".join(output.strip().splitlines()[-15:])
        super().__init__(f"`cdk {command}` ended with exit code {code}:\n{tail}")


@dataclass(frozen=True)
class Differences:
    """What `cdk diff` found.

    Attributes:
        text: What it printed.
        any: Whether there are any.
    """

    text: str
    any: bool


def variables(aws: LocalAws) -> dict[str, str]:
    """Returns what the cdk command line needs to deploy onto a local AWS, besides AWS's own."""
    found = {
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": aws.region,
        "CDK_HOME": str(aws.state_dir / "cdk"),
        "CDK_DOCKER": str(_DOCKER_CLI),
        # Nothing that reaches for the internet: usage reports and the look for a newer version.
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    if aws.runner_name != "docker":
        found["LOCAL_AWS_IMAGES"] = str(aws.images_dir)
    return found


class Cdk:
    """Runs the cdk command line of `node_modules` against a local AWS.

    Args:
        aws: The local AWS, which must be running.
        app: The folder of the app, where its `cdk.json` is.
        environment: Environment variables to add, such as `BASE_IMAGE`.
        say: Takes each line that the command line prints, as it prints it.

    Raises:
        LocalAwsError: If the cdk command line is not installed.

    Attributes:
        assembly: The folder of the synthesized app; the user's own `cdk.out` stays as it is.
    """

    def __init__(
        self,
        aws: LocalAws,
        app: Path,
        *,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._aws = aws
        self._app = app
        self.assembly = aws.state_dir / "cdk.out"
        self._say = say or (lambda _line: None)
        self._environment = self._make_environment(environment or {})

    def _make_environment(self, added: Mapping[str, str]) -> dict[str, str]:
        node_modules = _ROOT / "node_modules" / ".bin"
        if not (node_modules / "cdk").exists():
            raise LocalAwsError(f"cdk is missing in {node_modules}: run `make setup`")
        path = os.pathsep.join(
            [str(node_modules), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        )
        return {
            **self._aws.environment(),
            **variables(self._aws),
            "PATH": path,
            "VIRTUAL_ENV": sys.prefix,
            "NO_COLOR": "1",
            **added,
        }

    def bootstrap(self) -> None:
        """Makes the bootstrap stack in the local AWS's account and region."""
        # Where there is no app, there is nothing that the command line would synthesize first.
        self._call(self._aws.state_dir, "bootstrap", f"aws://{ACCOUNT}/{self._aws.region}")

    def synth(self, *stacks: str, context: Mapping[str, str] | None = None) -> str:
        """Synthesizes, and returns what the command line printed."""
        return self._run("synth", *stacks, *_context(context))

    def deploy(self, *stacks: str, context: Mapping[str, str] | None = None) -> str:
        """Deploys the named stacks, or all, without asking.

        Raises:
            CdkError: If it failed.
        """
        options = ("--method=direct", "--require-approval", "never", "--progress", "events")
        return self._run("deploy", *(stacks or ("--all",)), *options, *_context(context))

    def diff(self, *stacks: str, context: Mapping[str, str] | None = None) -> Differences:
        """Compares the app with what is deployed.

        Raises:
            CdkError: If it failed.
        """
        text = self._run("diff", *stacks, "--method=template", *_context(context))
        return Differences(text, any=not _NO_DIFFERENCES.search(text))

    def destroy(self, *stacks: str, context: Mapping[str, str] | None = None) -> str:
        """Destroys the named stacks, or all, without asking.

        Raises:
            CdkError: If it failed.
        """
        return self._run("destroy", *(stacks or ("--all",)), "--force", *_context(context))

    def _run(self, command: str, *arguments: str) -> str:
        return self._call(self._app, command, *arguments, "--output", str(self.assembly))

    def _call(self, folder: Path, command: str, *arguments: str) -> str:
        """Runs one command in a folder and returns all that it printed."""
        process = subprocess.Popen(
            ["cdk", command, *arguments, "--no-notices", "--ci"],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        with process:
            assert process.stdout is not None  # noqa: S101 -- it is a pipe
            for line in process.stdout:
                lines.append(line)
                self._say(line.rstrip("\n"))
        if process.returncode:
            raise CdkError(command, process.returncode, "".join(lines))
        return "".join(lines)


def _context(context: Mapping[str, str] | None) -> list[str]:
    return [
        argument for key, value in (context or {}).items() for argument in ("-c", f"{key}={value}")
    ]
