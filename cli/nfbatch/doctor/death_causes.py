"""Why a job failed: the reason of its container, and the job's own `statusReason`."""

from __future__ import annotations

from nfbatch.doctor.cause import Cause

_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
_PULL = f"{_ECS}/task_cannot_pull_image.html"
_START = f"{_ECS}/cannot-start-container.html"
_NEXTFLOW = "https://github.com/nextflow-io/nextflow/issues"
_RETRY = "nfbatch resume RUN, which repeats only tasks that were not completed"

DIED = (
    Cause(
        id="waited-too-long",
        pattern=r"Canceled by JobStateTimeLimit action due to reason: (?P<why>[\w:]+)",
        example="Canceled by JobStateTimeLimit action due to reason:"
        " MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        sentence="{job} was cancelled by its queue because it waited too long: {why}",
        remedy="ask for less than {vcpus} vCPUs and {memory} MiB, or add larger instance_types",
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable_time_limit_actions.html",
        source="https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html",
    ),
    Cause(
        id="host-lost",
        pattern=r"Host EC2 ?(?:\(instance (?P<instance>i-\w+)\))? ?terminated",
        example="Host EC2 (instance i-0123456789abcdef0) terminated.",
        sentence="{job} lost its host {instance}{spot}",
        remedy=_RETRY,
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html",
        source="https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html",
    ),
    Cause(
        id="out-of-memory",
        pattern=r"OutOfMemoryError",
        example="OutOfMemoryError: Container killed due to memory usage",
        sentence="{job} used more than its {memory} MiB of memory",
        remedy="give the process more `memory`; for a head, nfbatch launch --head-memory MIB",
        link=f"{_ECS}/out-of-memory.html",
        source=f"{_ECS}/out-of-memory.html",
    ),
    Cause(
        id="disk-full",
        pattern=r"no space left on device",
        example="CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob887491687: no"
        " space left on device",
        sentence="the worker of {job} had no space left on its disk",
        remedy="raise scratch.max_size_gib in the settings and deploy again; docs/worker.md"
        " explains how scratch grows",
        link=f"{_NEXTFLOW}/5099",
        source=f"{_NEXTFLOW}/5099",
    ),
    Cause(
        id="image-rate-limit",
        pattern=r"toomanyrequests|pull rate limit|Too Many Requests",
        example="CannotPullContainerError: inspect image has been retried 5 time(s):"
        " toomanyrequests: You have reached your pull rate limit.",
        sentence="the registry of {image} limits how often images are pulled, and the limit was"
        " reached",
        remedy="set registries.docker_hub in the settings, which makes copies: docs/network.md",
        link="https://repost.aws/knowledge-center/ecs-pull-container-error-rate-limit",
        source="https://repost.aws/knowledge-center/ecs-pull-container-error-rate-limit",
    ),
    Cause(
        id="image-not-found",
        pattern=r"manifest (?:for .* )?(?:unknown|not found)|failed to resolve ref \S+: \S*:? ?not"
        r" found",
        example="CannotPullContainerError: Error response from daemon: manifest for"
        " quay.io/lab/tool:9 not found: manifest unknown",
        sentence="the image {image} does not exist",
        remedy="correct `container` of the process: docker manifest inspect {image}",
        link=_PULL,
        source="https://github.com/prakhar1989/docker-curriculum/issues/218",
    ),
    Cause(
        id="image-denied",
        pattern=r"pull access denied|no basic auth credentials|CannotPull.*403 Forbidden|"
        r"not authorized to perform: ecr:",
        example="CannotPullContainerError: Error response from daemon: pull access denied for"
        " lab/tool, repository does not exist or may require 'docker login'",
        sentence="the image {image} does not exist, or the worker may not pull it",
        remedy="correct `container` of the process, or put the image into ECR or a public registry",
        link=_PULL,
        source="https://github.com/aws/amazon-ecs-agent/issues/2343",
    ),
    Cause(
        id="image-other-architecture",
        pattern=r"exec format error|no matching manifest for (?P<platform>[\w/]+)|image Manifest"
        r" does not contain descriptor matching platform",
        example="CannotPullContainerError: no matching manifest for linux/arm64/v8 in the manifest"
        " list entries",
        sentence="the image {image} is for another processor than the instances of {queue}",
        remedy="use an image for several architectures, or a queue with the other instances",
        link="https://github.com/docker-library/mysql/issues/698",
        source="https://github.com/docker-library/mysql/issues/698",
    ),
    Cause(
        id="registry-unreachable",
        pattern=r"CannotPull\w*Error.*(?:i/o timeout|Client\.Timeout|request canceled|connection"
        r" refused|no such host)",
        example="CannotPullContainerError: failed to resolve ref docker.io/lab/tool:1: failed to do"
        ' request: Head "https://registry-1.docker.io/v2/lab/tool/manifests/1": dial tcp'
        " 34.205.13.154:443: i/o timeout",
        sentence="the worker cannot reach the registry of {image}",
        remedy="nfbatch doctor, which checks the subnets; in an isolated network, docs/network.md"
        " explains copies of images",
        link=_PULL,
        source="https://github.com/ActionIQ/terraform-aws-retool-ecs-fargate/issues/20",
    ),
    Cause(
        id="image-not-pulled",
        pattern=r"CannotPull\w*Error",
        example="CannotPullContainerError: something new",
        sentence="the image {image} could not be pulled: {text}",
        remedy="docker pull {image}, which shows whether it exists and may be pulled",
        link=_PULL,
        source=_PULL,
    ),
    Cause(
        id="secret-unreadable",
        pattern=r"ResourceInitializationError|unable to pull secrets",
        example="ResourceInitializationError: unable to pull secrets or registry auth: execution"
        " resource retrieval failed: unable to retrieve secret from asm",
        sentence="the secret of {job} could not be read: it does not exist, or its policy or key"
        " does not allow it",
        remedy="aws secretsmanager describe-secret --secret-id NAME, for head.git_secret and"
        " head.seqera_secret of the settings",
        link=f"{_ECS}/resource-initialization-error.html",
        source=f"{_ECS}/resource-initialization-error.html",
    ),
    Cause(
        id="log-not-writable",
        pattern=r"failed to initialize logging driver|failed to create Cloudwatch log stream",
        example="CannotStartContainerError: Error response from daemon: failed to initialize"
        " logging driver: failed to create Cloudwatch log stream: RequestError: send request"
        " failed",
        sentence="the worker cannot write the log of {job}: the log group {log_group} does not"
        " exist, or CloudWatch Logs cannot be reached",
        remedy="aws logs describe-log-groups --log-group-name-prefix {log_group}; deploy again if"
        " it is gone",
        link="https://github.com/seqeralabs/nf-tower/issues/305",
        source="https://github.com/seqeralabs/nf-tower/issues/305",
    ),
    Cause(
        id="program-not-in-image",
        pattern=r'exec: "(?P<program>[^"]+)"|executable file not found',
        example="CannotStartContainerError: Error response from daemon: failed to create task for"
        ' container: exec: "/usr/local/bin/_entrypoint.sh": stat /usr/local/bin/_entrypoint.sh: no'
        " such file or directory",
        sentence="the image {image} has no program {program}",
        remedy="use an image that has it; tasks need bash",
        link=f"{_NEXTFLOW}/5657",
        source=f"{_NEXTFLOW}/5657",
    ),
    Cause(
        id="docker-too-slow",
        pattern=r"DockerTimeoutError|Could not transition to \w+; timed out|CannotInspectContainer",
        example="CannotInspectContainerError: Could not transition to inspecting; timed out after"
        " waiting 30s",
        sentence="Docker on the worker of {job} did not answer in time",
        remedy=f"{_RETRY}; if it happens often, use smaller instance_types or a higher"
        " scratch.throughput_mibs",
        link=f"{_NEXTFLOW}/3091",
        source=f"{_NEXTFLOW}/3091",
    ),
    Cause(
        id="cgroup-not-created",
        pattern=r"CgroupError",
        example="CgroupError: Agent could not create task's platform resources",
        sentence="the worker could not create the control group of {job}",
        remedy=_RETRY,
        link=f"{_NEXTFLOW}/5380",
        source=f"{_NEXTFLOW}/5380",
    ),
    Cause(
        id="container-not-started",
        pattern=r"Cannot(?:Start|Create)ContainerError",
        example="CannotStartContainerError: something new",
        sentence="the container of {job} could not be started: {text}",
        remedy="correct `container` and `containerOptions` of the process",
        link=_START,
        source=_START,
    ),
    Cause(
        id="time-limit",
        pattern=r"Job attempt duration exceeded timeout",
        example="Job attempt duration exceeded timeout",
        sentence="{job} ran longer than its time limit of {timeout} s",
        remedy="raise `time` of the process",
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html",
        source="https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html",
    ),
    Cause(
        id="arguments-too-long",
        pattern=r"Container Overrides length must be at most (?P<limit>\d+)",
        example="Container Overrides length must be at most 8192",
        sentence="the arguments of {job} are longer than the {limit} characters that Batch accepts",
        remedy="launch it with nfbatch, which passes long arguments in a file",
        link="https://github.com/Netflix/metaflow/issues/1482",
        source="https://github.com/Netflix/metaflow/issues/1482",
    ),
    Cause(
        id="dependency-failed",
        pattern=r"Dependent Job failed",
        example="Dependent Job failed",
        sentence="{job} did not run because a job that it depends on failed",
        remedy="nfbatch doctor {dependency}",
        link="https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html",
    ),
    Cause(
        id="program-failed",
        pattern=r"Essential container in task exited",
        example="Essential container in task exited",
        sentence="the program of {job} ended with status {exit}",
        remedy="nfbatch logs {run}",
        link="https://www.nextflow.io/docs/latest/process.html",
        source=f"{_NEXTFLOW}/2005",
    ),
)
