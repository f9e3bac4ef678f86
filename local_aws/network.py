"""The Docker network in which job containers reach the local AWS.

SDKs take container credentials only from loopback and from 169.254.170.2, the ECS agent's address
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html), so this
network's gateway, which is the host, has that address.
"""

import fcntl
import os
import socket
import tempfile
from contextlib import ExitStack, closing, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import TextIO

from docker.errors import APIError, DockerException, NotFound
from docker.types import IPAMConfig, IPAMPool

import docker
from local_aws.errors import LocalAwsError

NAME = "nextflow-batch-local"
"""The network's name."""

GATEWAY = "169.254.170.2"
"""The host's address in it."""

SUBNET = IPv4Network("169.254.170.0/24")
"""The addresses in it."""

# Each user's own: in a sticky folder nobody may open another's file to write.
_LOCK = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}.lock"


def engine_answers() -> bool:
    """Returns whether a Docker engine answers on this machine."""
    if not _listens(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"):
        return False
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        client.ping()
    except (DockerException, OSError):
        return False
    finally:
        client.close()
    return True


def _listens(host: str) -> bool:
    """Whether anybody listens; Docker's library leaves a socket open where nobody does."""
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(host.removeprefix("unix://"))
        except OSError:
            return False
    return True


def usable_engine() -> bool:
    """Returns whether a Docker engine answers whose containers can reach this machine.

    Docker Desktop's, a rootless or a remote one has its networks elsewhere.

    Raises:
        LocalAwsError: If the engine cannot make the network.
    """
    if not engine_answers():
        return False
    network = JobNetwork()
    try:
        return network.is_here
    finally:
        network.close()


class JobNetwork:
    """The network, for as long as this object is not closed.

    Several local AWS may run on one machine; a lock on a file that each holds tells the last of
    them that it may remove the network.

    Raises:
        LocalAwsError: If the network cannot be made.
    """

    def __init__(self) -> None:
        with ExitStack() as undo:
            try:
                self._lock: TextIO = undo.enter_context(_LOCK.open("a"))
                self._client = undo.enter_context(closing(docker.from_env()))
                fcntl.flock(self._lock, fcntl.LOCK_SH)
                # Of two that make it at the same time the engine refuses one.
                with _LOCK.with_suffix(".making").open("a") as making:
                    fcntl.flock(making, fcntl.LOCK_EX)
                    self._make()
            except (DockerException, OSError) as error:
                raise LocalAwsError(f"cannot create the Docker network {NAME}: {error}") from error
            self._undo = undo.pop_all()

    def _make(self) -> None:
        try:
            existing = self._client.networks.get(NAME)
        except NotFound:
            pool = IPAMPool(subnet=str(SUBNET), gateway=GATEWAY)
            try:
                self._client.networks.create(
                    NAME, driver="bridge", ipam=IPAMConfig(pool_configs=[pool])
                )
            except APIError as error:
                raise LocalAwsError(
                    f"Docker cannot create the network {NAME} ({SUBNET}): {error.explanation}; "
                    "remove the network that has these addresses (`docker network ls`)"
                ) from error
            return
        subnets = [item.get("Gateway") for item in existing.attrs["IPAM"]["Config"]]
        if GATEWAY not in subnets:
            raise LocalAwsError(
                f"the Docker network {NAME} exists with other addresses; "
                f"remove it with `docker network rm {NAME}`"
            )

    @property
    def is_here(self) -> bool:
        """Whether the gateway is on this machine; Docker Desktop's is in a machine of its own."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((GATEWAY, 0))
            except OSError:
                return False
        return True

    def close(self) -> None:
        """Removes the network unless another local AWS or a container uses it."""
        with self._undo:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            with suppress(DockerException, OSError):
                self._client.networks.get(NAME).remove()
