"""The run of one attempt: its container from start to end."""

from collections.abc import Callable
from threading import Lock, Thread, Timer

from local_aws.batch import (
    container,
    credentials,
    image_reference,
    job_secrets,
    launch_template,
    logs,
)
from local_aws.batch.agent import Agent
from local_aws.batch.attempt import EXITED, NOT_STARTED, OUT_OF_MEMORY, TIMED_OUT, Attempt
from local_aws.batch.clock import now
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.job import Job
from local_aws.batch.references import instance_role_of
from local_aws.batch.runner import Container, ContainerError, ContainerSpec, Exit
from local_aws.batch.runtime import Runtime


class Execution(Thread):
    """Runs a job once, in a thread of its own.

    Args:
        job: The job.
        attempt: Takes what comes of it.
        runtime: How containers run here.
        on_running: Called when the container runs.
        on_end: Called when the attempt is over.

    Attributes:
        attempt: As above.
    """

    def __init__(
        self,
        job: Job,
        attempt: Attempt,
        runtime: Runtime,
        on_running: Callable[[Job, Attempt], None],
        on_end: Callable[[Job, Attempt], None],
    ) -> None:
        super().__init__(name=f"batch-{job.id}", daemon=True)
        self._job = job
        self.attempt = attempt
        self._place = attempt.place
        self._runtime = runtime
        self._on_running = on_running
        self._on_end = on_end
        self._container: Container | None = None
        self._timers: list[Timer] = []
        self._lock = Lock()
        self._stop_requested = False
        self._stopping = False
        self._kill_requested = False
        self._lost_host = False
        self._is_over = False
        self._credentials: str | None = None

    @property
    def environment(self) -> ComputeEnvironment:
        """Where it runs."""
        return self.attempt.environment

    def run(self) -> None:
        """Start the container, wait for its end and report both."""
        attempt = self.attempt
        try:
            self._container = self._start()
        except ContainerError as error:
            attempt.status_reason, attempt.reason = NOT_STARTED, error.reason
        else:
            self._watch()
            self._follow(self._container)
        finally:
            with self._lock:
                self._is_over = True
                for timer in self._timers:
                    timer.cancel()
            credentials.revoke(self._credentials)
            self._on_end(self._job, attempt)

    def _start(self) -> Container:
        try:
            return self._start_container()
        except ContainerError:
            raise
        except Exception as error:  # whatever is at fault, the job ends, and with a reason
            raise ContainerError(f"CannotStartContainerError: {error!r}") from error

    def _start_container(self) -> Container:
        runner = self._runtime.runner
        if runner is None:
            raise ContainerError("CannotStartContainerError: the local AWS has no job runner")
        image_reference.check(self._job.properties["image"])
        self._runtime.pull_faults.check(self._job.properties["image"])
        log, create_group = logs.stream_for(
            self._job.properties,
            self._place,
            definition=self._job.definition.name,
            task_id=self.attempt.task_id,
        )
        self.attempt.log_stream = log.name
        if self._runtime.authorize is not None:
            profile = self.attempt.environment.resources.get("instanceRole")
            agent = Agent(self._place, profile, self.attempt.task_id, self._runtime.authorize)
            agent.check(self._job.properties, log, create_group=create_group)
        spec = self._specification()
        log.open(create_group=create_group)
        if self._job.is_terminated:
            raise ContainerError("CannotStartContainerError: the job was stopped before its start")
        return runner.start(spec, log.write)

    def _follow(self, running: Container) -> None:
        try:
            end = running.wait()
        except Exception as error:  # as in _start
            reason = ContainerError(f"CannotInspectContainerError: {error!r}").reason
            self.attempt.status_reason, self.attempt.reason = EXITED, reason
        else:
            self._judge(end)

    def _specification(self) -> ContainerSpec:
        properties = self._job.properties
        own = {item["name"]: item.get("value", "") for item in properties["environment"]}
        secrets = job_secrets.resolve(properties["secrets"], self._place)
        return container.specify(
            properties,
            name=f"batch-{self._job.name}-{self.attempt.task_id[:8]}",
            job_id=self._job.id,
            environment=self._ecs_variables() | secrets | own | self._batch_variables(),
        )

    def _batch_variables(self) -> dict[str, str]:
        """https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html."""
        job = self._job
        variables = {
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(self.attempt.number),
            "AWS_BATCH_JQ_NAME": job.queue.name,
            "AWS_BATCH_CE_NAME": self.attempt.environment.name,
        }
        if job.array_index is not None:
            variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.array_index)
            variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.array_size)
        return variables

    def _ecs_variables(self) -> dict[str, str]:
        variables = {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}
        if self._runtime.endpoint is not None:
            variables["AWS_ENDPOINT_URL"] = self._runtime.endpoint
            role = self._role()
            if role is not None:
                self._credentials = credentials.grant(self._place, role, self.attempt.task_id)
                url = f"{self._runtime.agent}{self._credentials}"
                variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
        return variables

    def _role(self) -> str | None:
        """Find the role whose credentials the container gets.

        A job without one reaches those of its instance, unless the launch template's hop limit
        keeps containers from the metadata service.
        """
        role: str | None = self._job.properties.get("jobRoleArn")
        if role is None:
            resources = self.attempt.environment.resources
            if launch_template.hides_instance_role(self._place, resources.get("launchTemplate")):
                return None
            return instance_role_of(self._place, resources.get("instanceRole"))
        if not credentials.role_exists(self._place, role):
            # The literal reason: https://github.com/nextflow-io/nextflow/pull/2146
            raise ContainerError(
                f"ECS was unable to assume the role '{role}' that was provided for this task. "
                "Please verify that the role being passed has the proper trust relationship and "
                "permissions and that your IAM user has permissions to pass this role."
            )
        return role

    def _watch(self) -> None:
        self.attempt.started_at = now()
        self._on_running(self._job, self.attempt)
        if self._job.timeout is not None:
            self._after(self._job.timeout, self._time_out)
        # What was requested while the container started.
        if self._stop_requested:
            self.stop()
        if self._kill_requested:
            self.kill()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = Timer(seconds, action)
        timer.daemon = True
        with self._lock:
            if not self._is_over:
                self._timers.append(timer)
                timer.start()

    def _time_out(self) -> None:
        self.attempt.timed_out = True
        self.stop()

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after the stop timeout."""
        with self._lock:
            self._stop_requested = True
            first = self._container is not None and not self._stopping
            self._stopping = self._stopping or first
        if first and self._container is not None:
            self._container.stop()
            self._after(self._runtime.stop_timeout, self._container.kill)

    def kill(self) -> None:
        """Send SIGKILL at once."""
        self._kill_requested = True
        if self._container is not None:
            self._container.kill()

    def lose_host(self) -> None:
        """Let the instance under the container disappear."""
        self._lost_host = True
        self.kill()

    def _judge(self, end: Exit) -> None:
        attempt = self.attempt
        if self._lost_host:
            # https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html, Spot
            attempt.status_reason = f"Host EC2 (instance {attempt.instance_id}) terminated."
            return
        attempt.exit_code = end.code
        attempt.reason = OUT_OF_MEMORY if end.out_of_memory else None
        if self._job.is_terminated:
            attempt.status_reason = self._job.status_reason
        else:
            attempt.status_reason = TIMED_OUT if attempt.timed_out else EXITED
