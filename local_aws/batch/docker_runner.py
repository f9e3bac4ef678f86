"""Runs jobs in containers of the local Docker engine."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container as DockerContainer
from docker.types import CancellableStream, DeviceRequest
from docker.types import Mount as DockerMount
from docker.types import Ulimit as DockerUlimit
from moto.core import DEFAULT_ACCOUNT_ID
from requests import RequestException

import docker
from local_aws.batch.process_runner import worker_path
from local_aws.batch.runner import Container, ContainerError, ContainerSpec, Exit

OWNER_LABEL = "nextflow-batch.local-aws.pid"
"""The label with the id of the process that started a container."""

_JOB_LABEL = "nextflow-batch.local-aws.job"
_POOL_SIZE = 128
_PULL_TIMEOUT = 600
_KILLED = 137
_COUNTERS = Path("/proc/vmstat")


class DockerRunner:
    """Starts each job's container as the ECS agent does.

    Attributes:
        worker_root: The folder that plays the worker's file system: host volumes are served
            from it, never from the laptop's own paths.
        network: The Docker network that containers join, or None for the engine's default.
    """

    def __init__(self, worker_root: Path, *, network: str | None = "nextflow-batch-local") -> None:
        """Connect to the engine.

        Args:
            worker_root: See the class.
            network: See the class.

        Raises:
            docker.errors.DockerException: No engine answers.
        """
        self.worker_root = worker_root
        self.network = network
        self._client = docker.from_env(max_pool_size=_POOL_SIZE, timeout=_PULL_TIMEOUT)
        self._client.ping()
        self._pulling: dict[str, Lock] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def remove_leftovers(self) -> int:
        """Remove containers of local AWSs that are no more.

        Returns:
            How many there were.
        """
        removed = 0
        for container in self._client.containers.list(
            all=True, filters={"label": OWNER_LABEL}, ignore_removed=True
        ):
            if not _is_alive(container.labels[OWNER_LABEL]):
                _remove(self._client, container.id)
                removed += 1
        return removed

    def start(self, spec: ContainerSpec, on_line: Callable[[str], None]) -> Container:
        """Start a container; see `Runner`."""
        self._ensure_image(spec.image)
        options = self._options(spec)
        output, step, kills = None, "Create", _kernel_kills()
        try:
            container = self._client.containers.create(spec.image, **options)
            # Attached before it starts, as by `docker run`: following the log of a container
            # that ends can miss its last lines.
            output = container.attach(stream=True)
            step = "Start"
            container.start()
        except Exception as error:
            if output is not None:
                _hang_up(output)
            # By its name: an answer that came too late has left a container without its object.
            _remove(self._client, spec.name)
            raise ContainerError(f"Cannot{step}ContainerError: {_message(error)}") from error
        return _JobContainer(container, output, on_line, kills)

    def _ensure_image(self, image: str) -> None:
        with self._lock:
            pulling = self._pulling.setdefault(image, Lock())
        # One pull for all the jobs that wait for the same image.
        with pulling:
            try:
                self._client.images.get(image)
            except ImageNotFound:
                self._pull(image)

    def _pull(self, image: str) -> None:
        if image.startswith(f"{DEFAULT_ACCOUNT_ID}.dkr.ecr."):
            # The registry of that name on the internet is another one's.
            raise ContainerError(
                "CannotPullContainerError: Error response from daemon: manifest for "
                f"{image} not found: manifest unknown: Requested image not found"
            )
        try:
            name, tag = _name_and_tag(image)
            self._client.images.pull(name, tag=tag)
        except DockerException as error:
            raise ContainerError(f"CannotPullContainerError: {_message(error)}") from error

    def _options(self, spec: ContainerSpec) -> dict[str, Any]:
        memory = spec.memory_mib * 1024**2
        options: dict[str, Any] = {
            "name": spec.name,
            "command": list(spec.command) or None,
            "environment": dict(spec.environment),
            "labels": {OWNER_LABEL: str(os.getpid()), _JOB_LABEL: spec.job_id},
            "cpu_shares": max(2, int(spec.vcpus * 1024)),
            "mem_limit": memory,
            # Without swap of its own a container has none: ECS's AMIs have none to give.
            "memswap_limit": memory + spec.swap_mib * 1024**2,
            "user": spec.user,
            "privileged": spec.privileged,
            "read_only": spec.read_only_root,
            "init": spec.init,
            "mounts": [
                self._mount(mount.source, mount.target, mount.read_only) for mount in spec.mounts
            ],
            "ulimits": [
                DockerUlimit(name=limit.name, soft=limit.soft, hard=limit.hard)
                for limit in spec.ulimits
            ],
            "tmpfs": {
                entry.target: ",".join([f"size={entry.size_mib}m", *entry.options])
                for entry in spec.tmpfs
            },
            "network": self.network,
            # A proxy of ~/.docker/config.json is the laptop's, no worker's, and cannot reach
            # the container's credentials.
            "use_config_proxy": False,
            "log_config": {"type": "json-file", "config": {}},
        }
        if spec.shared_memory_mib is not None:
            options["shm_size"] = spec.shared_memory_mib * 1024**2
        if spec.swappiness is not None and spec.swap_mib:
            options["mem_swappiness"] = spec.swappiness
        if spec.gpus:
            options["device_requests"] = [DeviceRequest(count=spec.gpus, capabilities=[["gpu"]])]
        return options

    def _mount(self, source: str | None, target: str, read_only: bool) -> DockerMount:
        if source is None:
            return DockerMount(target=target, source=None, type="volume", read_only=read_only)
        path = worker_path(self.worker_root, source)
        return DockerMount(target=target, source=str(path), type="bind", read_only=read_only)


class _JobContainer:
    """One job's container; see `Container`."""

    def __init__(
        self,
        container: DockerContainer,
        output: CancellableStream,
        on_line: Callable[[str], None],
        kills: int,
    ) -> None:
        self._container = container
        self._kills_before = kills
        self._killed_by_us = False
        self._reader = Thread(
            target=_deliver,
            args=(output, on_line),
            name=f"log-{container.short_id}",
            daemon=True,
        )
        self._reader.start()

    def wait(self) -> Exit:
        """Wait for the end and remove the container."""
        try:
            # No time limit of ours: a job may run for days.
            status = self._container.client.api.wait(self._container.id, timeout=None)
            self._reader.join()
            code = int(status["StatusCode"])
            return Exit(code=code, out_of_memory=code == _KILLED and self._was_out_of_memory())
        finally:
            _remove(self._container.client, self._container.id)

    def _was_out_of_memory(self) -> bool:
        """Ask the engine, and the kernel where the engine may not have heard of it.

        A container that runs out of memory as soon as it starts is over before containerd listens
        (https://github.com/containerd/containerd/pull/12405, merged in 2025). What the kernel
        counts is not lost, but tells no container from another: it stands for an exit that nothing
        else explains.
        """
        self._container.reload()
        if self._container.attrs["State"]["OOMKilled"]:
            return True
        return not self._killed_by_us and _kernel_kills() > self._kills_before

    def stop(self) -> None:
        """Send SIGTERM to PID 1."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """Send SIGKILL."""
        self._killed_by_us = True
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        try:
            self._container.kill(signal=name)
        except APIError:
            # It has ended meanwhile: 409 not running, or 404 removed.
            return


def _deliver(output: CancellableStream, on_line: Callable[[str], None]) -> None:
    rest = b""
    for chunk in output:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            on_line(line.decode(errors="replace").rstrip("\r"))
    if rest:
        on_line(rest.decode(errors="replace").rstrip("\r"))
    _hang_up(output)


def _hang_up(output: CancellableStream) -> None:
    # The end of the stream leaves its connection open, and the stream's own `close` fails where
    # the engine has closed its side already.
    output._response.close()


def _remove(client: docker.DockerClient, name_or_id: str) -> None:
    try:
        client.api.remove_container(name_or_id, force=True, v=True)
    except (DockerException, RequestException):
        # Gone already, on its way out, or out of reach with the engine.
        return


def _kernel_kills() -> int:
    """How many processes the kernel has killed since it started because memory ran out."""
    try:
        lines = _COUNTERS.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _is_alive(pid: str) -> bool:
    # Not by /proc, which macOS has not.
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, ProcessLookupError):
        return False
    return True


def _name_and_tag(image: str) -> tuple[str, str | None]:
    """Split `name[:tag]`; without a tag Docker would pull every tag there is."""
    name, _, tag = image.rpartition(":")
    if not name or "/" in tag:
        return image, "latest"
    return (image, None) if "@" in image else (name, tag)


def _message(error: Exception) -> str:
    text = getattr(error, "explanation", None) or error
    return f"Error response from daemon: {text}"
