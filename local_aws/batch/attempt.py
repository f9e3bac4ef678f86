"""One attempt of a job: a container from start to end."""

import secrets
import uuid
from collections.abc import Callable
from threading import Lock, Thread, Timer
from typing import TYPE_CHECKING, Any

from local_aws.batch import container, credentials, job_secrets, launch_template, logs
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.job import Job, now
from local_aws.batch.references import instance_role_of
from local_aws.batch.runner import Container, ContainerError, ContainerSpec, Exit
from local_aws.batch.runtime import RUNTIME

if TYPE_CHECKING:
    from local_aws.batch.backend import LocalBatch

EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


class Attempt(Thread):
    """Runs a job once, in a thread of its own.

    Attributes:
        job: The job.
        environment: Where it was placed.
        instance_id: The EC2 instance that it would run on.
        task_id: The id of its ECS task.
        started_at: When it became RUNNING, in milliseconds; None before.
        stopped_at: When it ended; None before.
        exit_code: The container's exit code; None if it has none.
        reason: The container's reason.
        status_reason: Why it ended.
        timed_out: Whether the job's timeout ended it.

    """

    def __init__(
        self,
        backend: "LocalBatch",
        job: Job,
        environment: ComputeEnvironment,
        on_running: Callable[["Attempt"], None],
        on_end: Callable[["Attempt"], None],
    ) -> None:
        super().__init__(name=f"batch-{job.id}", daemon=True)
        self.job = job
        self.environment = environment
        self.number = len(job.history) + 1
        self.instance_id = f"i-{secrets.token_hex(9)[:17]}"
        self.task_id = uuid.uuid4().hex
        self.started_at: int | None = None
        self.stopped_at: int | None = None
        self.exit_code: int | None = None
        self.reason: str | None = None
        self.status_reason: str | None = None
        self.timed_out = False
        self._backend = backend
        self._on_running = on_running
        self._on_end = on_end
        self._container: Container | None = None
        self._timers: list[Timer] = []
        self._lock = Lock()
        self._stop_asked = False
        self._stopping = False
        self._kill_asked = False
        self._lost_host = False
        self._is_over = False
        self._log: logs.LogStream | None = None
        self._credentials: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the attempt is over."""
        return self.stopped_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether the container exited with 0 of its own accord."""
        return self.exit_code == 0 and self.status_reason == EXITED

    def run(self) -> None:
        """Start the container, wait for its end and report both."""
        try:
            self._container = self._start()
        except ContainerError as error:
            self.status_reason, self.reason = NOT_STARTED, error.reason
        else:
            self._watch()
            self._follow(self._container)
        finally:
            with self._lock:
                self._is_over = True
                for timer in self._timers:
                    timer.cancel()
            credentials.revoke(self._credentials)
            self._on_end(self)

    def _start(self) -> Container:
        try:
            return self._prepared_start()
        except ContainerError:
            raise
        except Exception as error:  # whatever is at fault, the job ends, and with a reason
            raise ContainerError(f"CannotStartContainerError: {error!r}") from error

    def _prepared_start(self) -> Container:
        runner = RUNTIME.runner
        if runner is None:
            raise ContainerError("CannotStartContainerError: the local AWS has no job runner")
        RUNTIME.pull_faults.check(self.job.properties["image"])
        self._log, create = logs.stream_for(
            self.job.properties,
            account_id=self._backend.account_id,
            region=self._backend.region_name,
            definition=self.job.definition.name,
            task_id=self.task_id,
        )
        spec = self._specification()
        self._log.open(create_group=create)
        if self.job.is_terminated:
            raise ContainerError("CannotStartContainerError: the job was stopped before its start")
        return runner.start(spec, self._log.write)

    def _follow(self, running: Container) -> None:
        try:
            end = running.wait()
        except Exception as error:  # as in _start
            reason = ContainerError(f"CannotInspectContainerError: {error!r}").reason
            self.status_reason, self.reason = EXITED, reason
        else:
            self._judge(end)

    def _specification(self) -> ContainerSpec:
        properties = self.job.properties
        account = {"account_id": self._backend.account_id, "region": self._backend.region_name}
        given = {item["name"]: item.get("value", "") for item in properties["environment"]}
        environment = self._of_ecs() | job_secrets.resolve(properties["secrets"], **account)
        return container.specify(
            properties,
            name=f"batch-{self.job.name}-{self.task_id[:8]}",
            job_id=self.job.id,
            environment=environment | given | self._of_batch(),
        )

    def _of_batch(self) -> dict[str, str]:
        """https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html."""
        variables = {
            "AWS_BATCH_JOB_ID": self.job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(self.number),
            "AWS_BATCH_JQ_NAME": self.job.queue.name,
            "AWS_BATCH_CE_NAME": self.environment.name,
        }
        if self.job.array_index is not None:
            variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(self.job.array_index)
            variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(self.job.array_size)
        return variables

    def _of_ecs(self) -> dict[str, str]:
        variables = {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}
        endpoint = RUNTIME.endpoint
        if endpoint is not None:
            variables["AWS_ENDPOINT_URL"] = endpoint
            role = self._role()
            if role is not None:
                self._credentials = credentials.grant(
                    self._backend.account_id, self._backend.region_name, role, self.task_id
                )
                variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
                    f"{RUNTIME.agent}{self._credentials}"
                )
        return variables

    def _role(self) -> str | None:
        """Find the role whose credentials the container gets.

        A job without one reaches those of its instance, unless the launch template's hop limit
        keeps containers from the metadata service.
        """
        role: str | None = self.job.properties.get("jobRoleArn")
        backend = self._backend
        if role is None:
            resources = self.environment.resources
            if launch_template.hides_instance_role(backend, resources.get("launchTemplate")):
                return None
            return instance_role_of(backend, resources.get("instanceRole"))
        if not credentials.role_exists(backend.account_id, backend.region_name, role):
            # The literal reason: https://github.com/nextflow-io/nextflow/pull/2146
            raise ContainerError(
                f"ECS was unable to assume the role '{role}' that was provided for this task. "
                "Please verify that the role being passed has the proper trust relationship and "
                "permissions and that your IAM user has permissions to pass this role."
            )
        return role

    def _watch(self) -> None:
        self.started_at = now()
        self._on_running(self)
        if self.job.timeout is not None:
            self._after(self.job.timeout, self._time_out)
        # What was asked for while the container started.
        if self._stop_asked:
            self.stop()
        if self._kill_asked:
            self.kill()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = Timer(seconds, action)
        timer.daemon = True
        with self._lock:
            if not self._is_over:
                self._timers.append(timer)
                timer.start()

    def _time_out(self) -> None:
        self.timed_out = True
        self.stop()

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after the stop timeout."""
        with self._lock:
            self._stop_asked = True
            first = self._container is not None and not self._stopping
            self._stopping = self._stopping or first
        if first and self._container is not None:
            self._container.stop()
            self._after(RUNTIME.stop_timeout, self._container.kill)

    def kill(self) -> None:
        """Send SIGKILL at once."""
        self._kill_asked = True
        if self._container is not None:
            self._container.kill()

    def lose_host(self) -> None:
        """Let the instance under the container disappear."""
        self._lost_host = True
        self.kill()

    def _judge(self, end: Exit) -> None:
        if self._lost_host:
            # https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html, Spot
            self.status_reason = f"Host EC2 (instance {self.instance_id}) terminated."
            return
        self.exit_code = end.code
        self.reason = OUT_OF_MEMORY if end.out_of_memory else None
        if self.job.is_terminated:
            self.status_reason = self.job.status_reason
        else:
            self.status_reason = TIMED_OUT if self.timed_out else EXITED

    def outcome_members(self) -> dict[str, Any]:
        """Show the members of `ContainerSummary`."""
        shown = {"exitCode": self.exit_code, "reason": self.reason}
        return {name: value for name, value in shown.items() if self.ended and value is not None}

    def container_members(self) -> dict[str, Any]:
        """Show what both `ContainerDetail` and `AttemptContainerDetail` have."""
        region, account = self._backend.region_name, self._backend.account_id
        prefix = f"arn:{self._backend.partition}:ecs:{region}:{account}"
        cluster = self.environment.cluster_name
        host = uuid.uuid5(uuid.NAMESPACE_OID, self.instance_id).hex
        shown: dict[str, Any] = {
            "containerInstanceArn": f"{prefix}:container-instance/{cluster}/{host}",
            "taskArn": f"{prefix}:task/{cluster}/{self.task_id}",
            "networkInterfaces": [],
        }
        if self._log is not None and self.started_at is not None:
            shown["logStreamName"] = self._log.name
        return shown | self.outcome_members()

    def describe(self) -> dict[str, Any]:
        """Show the attempt as DescribeJobs does."""
        shown: dict[str, Any] = {
            "container": self.container_members(),
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "statusReason": self.status_reason,
            "taskProperties": [],
        }
        return {name: value for name, value in shown.items() if value is not None}
