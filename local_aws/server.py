"""The local AWS: one server on loopback, and on the Docker bridge if there is an engine."""

import errno
import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import boto3
import botocore.session
from botocore.config import Config
from docker.errors import DockerException
from moto.core.config import default_user_config
from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server import werkzeug_app
from requests import RequestException

from local_aws import cloudformation, ec2, logs, s3, sns
from local_aws.batch import credentials
from local_aws.cloudformation.service import CloudFormation
from local_aws.errors import LocalAwsError
from local_aws.faults import Faults
from local_aws.gateway import Gateway
from local_aws.iam.access_control import AccessControl
from local_aws.jobs import JobEngine, is_docker, make_runner
from local_aws.listener import Listener
from local_aws.network import GATEWAY, JobNetwork, usable_engine
from local_aws.pace import PACE

if TYPE_CHECKING:
    from local_aws.batch.runner import Runner

__all__ = ["ACCOUNT", "LocalAws", "LocalAwsError"]

ACCOUNT = "123456789012"
"""The account's id."""

_LOOPBACK = "127.0.0.1"
_PORT_ATTEMPTS = 20
_KEY = "local"


class LocalAws:
    """An AWS on this machine, from `start` to `stop`, or in a `with` statement.

    One at a time to a process, because moto keeps its state in the process. It starts empty.

    Args:
        region: The region that clients and jobs use.
        port: The port to listen on; 0 for a free one.
        runner: Runs the jobs' containers; by default Docker if an engine answers whose networks
            are this machine's (Docker Desktop's are not), otherwise local processes.
        state_dir: Where what lies on disk goes; by default a temporary folder.
        access_control: Whether callers with a role's credentials may do only what its policies
            allow; by default everybody may do everything.
        minute: Seconds that a minute takes where AWS waits for minutes, see `Pace`.

    Attributes:
        access_control: What decides about that, or None.
        port: The port it listens on.
        faults: Makes it fail on purpose.
        state_dir: The folder for what lies on disk.
    """

    def __init__(
        self,
        region: str = "us-west-2",
        port: int = 0,
        runner: "Runner | None" = None,
        state_dir: Path | None = None,
        *,
        access_control: bool = False,
        minute: float = 60,
    ) -> None:
        self.region = region
        self.minute = minute
        self.port = port
        self.faults = Faults(self._refuse)
        self._temporary = state_dir is None
        self.state_dir = state_dir or Path(tempfile.gettempdir(), f"local-aws-{uuid4()}")
        self._runner = runner
        self._undo = ExitStack()
        self._listeners: list[Listener] = []
        self._network: JobNetwork | None = None
        self._reopening: Timer | None = None
        self._cloudformation: CloudFormation | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._clients_lock = Lock()
        self.access_control = AccessControl(ACCOUNT) if access_control else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL for programs on this machine.

        By name, not by address: moto reads path-style template URLs only of `localhost`.
        """
        return f"http://localhost:{self.port}"

    @property
    def container_endpoint(self) -> str:
        """The URL for the jobs' containers, or for the processes that stand in for them."""
        return f"http://{self._container_address}:{self.port}"

    @property
    def _container_address(self) -> str:
        return GATEWAY if self._network else _LOOPBACK

    @property
    def runner_name(self) -> str:
        """What runs the jobs: `docker` or `processes`."""
        return "docker" if self._network else "processes"

    @property
    def images_dir(self) -> Path:
        """The folder of notes on images that could not be built for want of a Docker engine."""
        return self.state_dir / "images"

    @property
    def skipped_resource_types(self) -> list[str]:
        """What stacks asked for that nothing here stands behind.

        Either a resource type, or `Type.Property` for a single property without effect.
        """
        return self._cloudformation.skipped if self._cloudformation else []

    def start(self) -> None:
        """Starts, with empty state.

        Raises:
            LocalAwsError: If it cannot: the port is taken, the Docker network cannot be had, the
                folder cannot be written.
        """
        with ExitStack() as undo:
            try:
                self._start(undo)
            except (DockerException, RequestException) as error:
                raise LocalAwsError(f"the Docker engine fails: {error}") from error
            except OSError as error:
                raise LocalAwsError(
                    f"state_dir {self.state_dir} cannot be used ({error.strerror}): "
                    "choose a folder that can be written"
                ) from error
            self._undo = undo.pop_all()

    def _start(self, undo: ExitStack) -> None:
        if self._temporary:
            undo.callback(shutil.rmtree, self.state_dir, ignore_errors=True)
        self.state_dir.mkdir(parents=True, exist_ok=True)
        # Forgotten rather than reset: a reset would read AWS's policies for each partition anew.
        iam_backends.clear()
        moto_api_backend.reset()
        # Roles attach AWS's own managed policies by ARN; without this moto knows none.
        default_user_config["iam"]["load_aws_managed_policies"] = True
        PACE.minute = self.minute
        ec2.install()
        logs.install()
        s3.install()
        sns.install()
        self._cloudformation = cloudformation.install(self._client_in, ACCOUNT)
        # No web page may read an answer.
        werkzeug_app.DISABLE_GLOBAL_CORS = True
        services = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
        # moto would look through its own folders at each request, one request at a time.
        services.get_backend_for_host = cache(services.get_backend_for_host)
        gateway = Gateway(services, self.faults, self.state_dir / "errors.log", self.access_control)
        if usable_engine() if self._runner is None else is_docker(self._runner):
            self._network = JobNetwork()
            undo.callback(self._close_network)
        undo.callback(self._close_listeners)
        self._listen(gateway)
        runner = self._runner or make_runner(self.state_dir, docker=self._network is not None)
        # The ECS agent is on the worker: it answers also when AWS does not.
        agent = Listener(self._container_address, 0, gateway)
        undo.callback(agent.close)
        agent_endpoint = f"http://{agent.address}:{agent.port}"
        authorize = self.access_control.refusal_of if self.access_control else None
        jobs = JobEngine(runner, self.container_endpoint, agent_endpoint, authorize)
        undo.callback(jobs.stop)
        undo.callback(self._cancel_reopening)
        self.faults.jobs = jobs.faults
        gateway.credentials = credentials.answer
        gateway.add_image = jobs.add_image

    def _listen(self, gateway: Gateway) -> None:
        port = self.port
        for _ in range(_PORT_ATTEMPTS):
            try:
                loopback = Listener(_LOOPBACK, port, gateway)
            except OSError as error:
                raise LocalAwsError(
                    f"port {port} is not free on {_LOOPBACK} ({error.strerror}): stop the "
                    "program that uses it, or choose another port (0 takes any free one)"
                ) from error
            self._listeners = [loopback]
            self.port = loopback.port
            if self._network is None or self._listen_on_bridge(gateway):
                return
            loopback.close()
            self._listeners = []
            if port:
                raise LocalAwsError(
                    f"port {port} is not free on {GATEWAY}, where containers look for it: "
                    "stop the program that uses it, or choose another port (0 takes any free one)"
                )
        raise LocalAwsError("no port is free on both loopback and the Docker bridge")

    def _listen_on_bridge(self, gateway: Gateway) -> bool:
        try:
            self._listeners.append(Listener(GATEWAY, self.port, gateway))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LocalAwsError(
                f"{GATEWAY}, where containers look for the local AWS, is not an address of this "
                f"machine ({error.strerror}): use a Docker engine that runs on it"
            ) from error
        return True

    def stop(self) -> None:
        """Stops listening and takes away what it made on this machine."""
        self._undo.close()

    def _close_network(self) -> None:
        network, self._network = self._network, None
        if network:
            network.close()

    def _close_listeners(self) -> None:
        # Forgotten first, so that nothing opens them again.
        listeners, self._listeners = self._listeners, []
        with ExitStack() as closing:
            for listener in listeners:
                closing.callback(listener.close)

    def _refuse(self, seconds: float) -> None:
        self._cancel_reopening()
        for listener in self._listeners:
            listener.close()
        self._reopening = Timer(seconds, self._reopen)
        self._reopening.daemon = True
        self._reopening.start()

    def _cancel_reopening(self) -> None:
        if self._reopening:
            self._reopening.cancel()
            self._reopening.join()
            self._reopening = None

    def _reopen(self) -> None:
        for listener in self._listeners:
            with suppress(OSError):
                listener.open()

    def environment(self) -> dict[str, str]:
        """Returns this process's environment, made to use the local AWS and nothing else."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") or name == "AWS_PAGER"
        }
        no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "localhost"]))
        return {
            **kept,
            **self.client_environment(),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    def client_environment(self) -> dict[str, str]:
        """Returns the variables that lead an AWS SDK or CLI to the local AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self._key,
            "AWS_SECRET_ACCESS_KEY": self._key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def _key(self) -> str:
        return self.access_control.operator_key if self.access_control else _KEY

    def client(self, service: str) -> Any:
        """Returns the boto3 client of a service, such as `s3`."""
        return self._client_in(service, self.region)

    def _client_in(self, service: str, region: str) -> Any:
        with self._clients_lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = _session().client(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=self._key,
                    aws_secret_access_key=self._key,
                    config=Config(proxies={}, retries={"total_max_attempts": 1}),
                )
            return self._clients[service, region]


def _session() -> Any:
    """Makes a session that knows nothing of the user's profile and configuration."""
    no_file = (None, None, os.devnull, None)
    bare = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": no_file,
            "credentials_file": no_file,
        }
    )
    return boto3.session.Session(botocore_session=bare)
