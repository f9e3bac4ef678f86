"""Places jobs in compute environments and follows them to their end."""

import time
from collections import defaultdict
from threading import Timer

from local_aws.batch import retry
from local_aws.batch.attempt import Attempt
from local_aws.batch.clock import now
from local_aws.batch.compute_environment import ComputeEnvironment
from local_aws.batch.execution import Execution
from local_aws.batch.infrastructure_update import InfrastructureUpdate
from local_aws.batch.job import WAITING, Job
from local_aws.batch.job_queue import JobQueue
from local_aws.batch.limits import MAX_OVERRIDES, OVERRIDES_TOO_LONG
from local_aws.batch.runtime import Runtime
from local_aws.batch.scheduling_policy import SchedulingPolicy
from local_aws.batch.share_usage import ShareUsage
from local_aws.batch.state import State

# https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
MAX_RESOURCE = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
    "cannot meet the CPU requirement of the job."
)
JOB_REQUIREMENT = (
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) "
    "is higher than that can be met by the CE(s) attached to the job queue."
)
CHILD_FAILED = "Array Child Job failed"

_LAST_WAIT = 10.0
"""Seconds that all killed attempts together have to end in."""


class Scheduler:
    """Decides which job runs where.

    Queues are served by descending priority, a queue's jobs in their order, and each goes to the
    first compute environment of its queue that has room. The job at the head of a queue blocks
    those behind it until it is placed or cancelled, as on AWS
    (https://docs.aws.amazon.com/batch/latest/userguide/job_scheduling.html). In a queue with
    shares, the share that has used least is next.

    Args:
        state: What exists.
        runtime: How containers run here.
    """

    def __init__(self, state: State, runtime: Runtime) -> None:
        self._state = state
        self._runtime = runtime
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        self._executions: dict[str, Execution] = {}
        self._time_limits: dict[str, Timer] = {}
        self._shares: dict[str, ShareUsage] = defaultdict(ShareUsage)

    def waiting(self, queue: JobQueue) -> list[Job]:
        """List a queue's RUNNABLE jobs in the order of their submission."""
        return self._waiting[queue.arn]

    def front(self, queue: JobQueue) -> list[Job]:
        """List a queue's RUNNABLE jobs, the next one first."""
        waiting, policy = self.waiting(queue), self._policy(queue)
        if policy is None:
            return list(waiting)
        return sorted(waiting, key=self._shares[queue.arn].order(waiting, policy))

    def _policy(self, queue: JobQueue) -> SchedulingPolicy | None:
        return self._state.scheduling_policies.get(queue.policy_arn or "")

    def execution_of(self, job_id: str) -> Execution | None:
        """Find the run of a job that is STARTING or RUNNING."""
        return self._executions.get(job_id)

    def executions(self) -> list[Execution]:
        """List the runs of all jobs that are STARTING or RUNNING."""
        with self._state.lock:
            return list(self._executions.values())

    def executions_on(self, environment: ComputeEnvironment) -> list[Execution]:
        """List what is STARTING or RUNNING on an environment's instances."""
        return [item for item in self.executions() if item.environment is environment]

    def replace_instances(self, environment: ComputeEnvironment) -> None:
        """Begin an infrastructure update; it is over at once where nothing runs."""
        executions = self.executions_on(environment)
        if not executions:
            return

        def end() -> None:
            environment.update = None
            if environment.status == "UPDATING":
                environment.validate(None)

        policy = environment.policy
        environment.update = InfrastructureUpdate(
            executions, policy["jobExecutionTimeoutMinutes"], end
        )
        if policy["terminateJobsOnUpdate"]:
            environment.update.end_jobs()

    def add(self, jobs: list[Job]) -> None:
        """Take in submitted jobs, the parent of an array job first."""
        with self._state.lock:
            for job in jobs:
                job.status = "PENDING"
                if not job.children:
                    self._enqueue(job)
            self.dispatch()

    def _enqueue(self, job: Job) -> None:
        job.status = "RUNNABLE"
        waiting = self.waiting(job.queue)
        # "The job is placed at the front of the queue" after a failed attempt:
        # https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
        waiting.insert(0 if job.history else len(waiting), job)

    def dispatch(self) -> None:
        """Start every job that can start now."""
        claimed: set[str] = set()
        with self._state.lock:
            queues = sorted(self._state.job_queues.values(), key=lambda queue: -queue.priority)
            for queue in queues:
                self._serve(queue, claimed)

    def _serve(self, queue: JobQueue, claimed: set[str]) -> None:
        while job := self._head(queue):
            if job.overrides_length > MAX_OVERRIDES:
                self.waiting(queue).remove(job)
                self._finish(job, "FAILED", OVERRIDES_TOO_LONG)
                continue
            demand = job.demand
            fitting = [e for e in queue.environments if e.takes_jobs and e.could_hold(demand)]
            reserved = self._reserved(queue)
            free = (e for e in fitting if e.arn not in claimed and e.has_room(demand, reserved))
            environment = next(free, None)
            if environment is None:
                self._block(job, queue, fitting)
                # A queue of lower priority must not take the room that this job waits for.
                claimed.update(e.arn for e in fitting)
                return
            self.waiting(queue).remove(job)
            self._start(job, environment)

    def _head(self, queue: JobQueue) -> Job | None:
        waiting, policy = self.waiting(queue), self._policy(queue)
        if policy is None or not waiting:
            return waiting[0] if waiting else None
        return min(waiting, key=self._shares[queue.arn].order(waiting, policy))

    def _reserved(self, queue: JobQueue) -> float:
        policy = self._policy(queue)
        if policy is None:
            return 0
        return self._shares[queue.arn].reserved(self.waiting(queue), policy)

    def _block(self, job: Job, queue: JobQueue, fitting: list[ComputeEnvironment]) -> None:
        usable = [e for e in queue.environments if e.takes_jobs]
        reason = None
        if usable and not fitting:
            too_few = all(job.demand.vcpus > e.max_vcpus for e in usable)
            reason = MAX_RESOURCE if too_few else JOB_REQUIREMENT
        if reason == job.blocked_reason:
            return
        self._unblock(job)
        job.blocked_reason = reason
        limits = [a for a in queue.time_limits if (reason or "").startswith(a["reason"])]
        if limits:
            first = min(limits, key=lambda limit: int(limit["maxTimeSeconds"]))
            timer = Timer(first["maxTimeSeconds"], self.expire, (job, first["reason"]))
            timer.daemon = True
            timer.start()
            self._time_limits[job.id] = timer

    def _unblock(self, job: Job) -> None:
        job.blocked_reason = None
        timer = self._time_limits.pop(job.id, None)
        if timer is not None:
            timer.cancel()

    def expire(self, job: Job, reason: str) -> None:
        """Cancel a job that has blocked its queue for too long (`jobStateTimeLimitActions`).

        Args:
            job: The job.
            reason: The action's reason.
        """
        with self._state.lock:
            if job in self.waiting(job.queue) and (job.blocked_reason or "").startswith(reason):
                self.cancel(job, f"Canceled by JobStateTimeLimit action due to reason: {reason}")

    def _start(self, job: Job, environment: ComputeEnvironment) -> None:
        attempt = Attempt(
            place=self._state.place, environment=environment, number=len(job.history) + 1
        )
        environment.used_vcpus += job.demand.vcpus
        environment.has_scaled = True
        if self._policy(job.queue):
            self._shares[job.queue.arn].started(job)
        job.status, job.status_reason = "STARTING", None
        self._unblock(job)
        job.history.append(attempt)
        execution = Execution(job, attempt, self._runtime, self._running, self._ended)
        self._executions[job.id] = execution
        execution.start()

    def _running(self, job: Job, attempt: Attempt) -> None:
        with self._state.lock:
            job.status = "RUNNING"
            job.started_at = attempt.started_at

    def _ended(self, job: Job, attempt: Attempt) -> None:
        with self._state.lock:
            attempt.stopped_at = now()
            attempt.environment.used_vcpus -= job.demand.vcpus
            if policy := self._policy(job.queue):
                took = attempt.stopped_at - (attempt.started_at or attempt.stopped_at)
                self._shares[job.queue.arn].ended(job, took, policy)
            execution = self._executions.pop(job.id, None)
            if execution and attempt.environment.update:
                attempt.environment.update.ended(execution)
            if attempt.succeeded:
                self._finish(job, "SUCCEEDED", attempt.status_reason)
            elif self._retries(job, attempt):
                self._enqueue(job)
            else:
                requested = job.status_reason if job.is_terminated else None
                self._finish(job, "FAILED", requested or attempt.status_reason)
            self.dispatch()

    def _retries(self, job: Job, attempt: Attempt) -> bool:
        if job.is_terminated or job.is_cancelled or attempt.timed_out:
            return False
        if len(job.history) >= job.retry_strategy.get("attempts", 1):
            return False
        return retry.should_retry(
            job.retry_strategy.get("evaluateOnExit", []),
            status_reason=attempt.status_reason,
            reason=attempt.reason,
            exit_code=attempt.exit_code,
        )

    def _finish(self, job: Job, status: str, reason: str | None) -> None:
        self._unblock(job)
        job.end(status, reason)
        if job.parent is not None:
            self._finish_parent(job.parent)

    def _finish_parent(self, parent: Job) -> None:
        if parent.ended or not all(child.ended for child in parent.children):
            return
        if all(child.status == "SUCCEEDED" for child in parent.children):
            self._finish(parent, "SUCCEEDED", None)
        else:
            self._finish(parent, "FAILED", parent.status_reason or CHILD_FAILED)

    def cancel(self, job: Job, reason: str) -> None:
        """Cancel a job that has not started; leave it alone otherwise.

        Args:
            job: The job.
            reason: The caller's reason, which becomes the status reason.
        """
        with self._state.lock:
            if job.status not in WAITING:
                return
            job.is_cancelled, job.status_reason = True, reason
            for child in job.children:
                self.cancel(child, reason)
            self._take_off(job, reason)

    def _take_off(self, job: Job, reason: str) -> None:
        """Let a job that waits fail."""
        if job.status == "RUNNABLE":
            self.waiting(job.queue).remove(job)
            self._finish(job, "FAILED", reason)
            self.dispatch()

    def terminate(self, job: Job, reason: str) -> None:
        """Stop a job that runs, cancel one that has not started.

        Args:
            job: The job.
            reason: The caller's reason, which becomes the status reason.
        """
        with self._state.lock:
            if job.ended:
                return
            job.is_terminated, job.status_reason = True, reason
            for child in job.children:
                self.terminate(child, reason)
            self._take_off(job, reason)
            execution = self.execution_of(job.id)
        if execution is not None:
            execution.stop()

    def stop_all(self) -> None:
        """Kill what runs, retry nothing, and wait for the end."""
        with self._state.lock:
            for timer in self._time_limits.values():
                timer.cancel()
            self._waiting.clear()
            for environment in self._state.compute_environments.values():
                if environment.update:
                    environment.update.cancel()
            self._shares.clear()
            for job in self._state.jobs.values():
                job.is_terminated = job.is_terminated or not job.ended
            executions = list(self._executions.values())
        for execution in executions:
            execution.kill()
        deadline = time.monotonic() + _LAST_WAIT
        for execution in executions:
            execution.join(timeout=max(0, deadline - time.monotonic()))
