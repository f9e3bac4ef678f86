"""Ways in which a run ends badly: what to give Nextflow, and what has to fail around it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: A task that does what a test wants, and a workflow around it.
_TASK = """\
process ALIGN {
    tag 'sample_1'
    output: path 'x.bam'
    script: "SCRIPT"
}

workflow {
    ALIGN()
}
"""
_INPUT = """\
process COUNT {
    input: path reads
    output: stdout
    script: "wc $reads"
}

workflow {
    COUNT( channel.fromPath(params.input, checkIfExists: true) )
}
"""
#: The same, with the outputs of the workflow in place of those of the process.
_OUTPUT = """\
process ALIGN {
    tag 'sample_1'
    output: path 'x.bam'
    script: "touch x.bam"
}

workflow {
    main:
    ALIGN()
    publish:
    aligned = ALIGN.out
}

output {
    aligned { path 'bam' }
}
"""
_OTHER_REGION = (
    "The bucket you are attempting to access must be addressed using the specified endpoint."
)
_HELLO = "workflow {\n    println 'hello'\n}\n"
_SCHEMA = """\
{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "p", "type": "object",
 "properties": {
   "outdir": {"type": "string", "description": "where results go"},
   "skip_qc": {"type": "boolean"},
   "reads": {"type": "string", "format": "file-path", "exists": true},
   "input": {"type": "string", "format": "file-path", "schema": "sheet.json"}},
 "required": ["outdir"]}
"""
_SHEET = """\
{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array",
 "items": {"type": "object", "required": ["sample"], "properties": {
   "sample": {"type": "string", "pattern": "^\\\\S+$", "errorMessage": "Sample name must have no spaces"},
   "fastq": {"type": "string", "format": "file-path", "exists": true}}}}
"""
_VALIDATED = {
    "main.nf": "include { validateParameters; samplesheetToList } from 'plugin/nf-schema'\n"
    "params.input = null\n"
    "workflow {\n    validateParameters()\n"
    "    if( params.input ) println samplesheetToList(params.input, 'sheet.json')\n}\n",
    "nextflow_schema.json": _SCHEMA,
    "sheet.json": _SHEET,
    "nextflow.config": "plugins { id 'nf-schema@2.5.1' }\n"
    "validation { logging { unrecognisedParams = 'error' } }\n",
}


@dataclass(frozen=True)
class Fault:
    """An answer that a service gives to all requests of a kind.

    Attributes:
        service: The service's signing name.
        path: How the request's path begins.
        status: The HTTP status.
        code: The error's code.
        message: The error's message.
        after: Seconds until it begins.
    """

    service: str
    path: str
    status: int
    code: str
    message: str
    after: float = 0


@dataclass(frozen=True)
class Way:
    """One way to end.

    Attributes:
        files: The files of a project in S3, by name; the project is `s3://bucket/project`.
        arguments: After `nextflow run`; PROJECT stands for the project, HOST for the address of
            a Git host that answers `host`.
        batch: Whether tasks go to Batch rather than run in the head.
        extra: Further objects of the bucket.
        variables: Added to the head's environment.
        fault: What AWS answers.
        host: The status with which the Git host answers.
        host_headers: The headers of its answers.
        prepare: Makes something in the head's folder.
        during: What happens to the first task (`reclaimed`), to Nextflow (`killed`, `terminated`) or
            to the head (`cancelled`).
    """

    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("PROJECT",)
    batch: bool = False
    extra: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    host: int | None = None
    host_headers: dict[str, str] = field(default_factory=dict)
    prepare: str = ""
    during: str = ""


def _main(text: str, *arguments: str, **more: object) -> Way:
    return Way({"main.nf": text}, ("PROJECT", *arguments), **more)  # type: ignore[arg-type]


def _task(script: str, config: str = "", **more: object) -> Way:
    files = {"main.nf": _TASK.replace("SCRIPT", script), "nextflow.config": config}
    return Way(files, **more)  # type: ignore[arg-type]


def _config(text: str, *arguments: str) -> Way:
    return Way({"main.nf": _HELLO, "nextflow.config": text}, ("PROJECT", *arguments))


def _params(name: str, content: bytes) -> Way:
    return Way(
        {"main.nf": _HELLO},
        ("PROJECT", "-params-file", f"s3://bucket/{name}"),
        extra={name: content},
    )


def _git(status: int) -> Way:
    return Way(
        arguments=("lab/pipeline", "-hub", "ours"),
        host=status,
        variables={
            "NF_SCM": "providers { ours { platform = 'github'; server = 'HOST'; endpoint = 'HOST' } }"
        },
    )


def _aws(service: str, path: str, status: int, code: str, message: str) -> Way:
    return _task(
        "touch x.bam",
        batch=True,
        fault=Fault(service, path, status, code, message),
    )


def _publish(folder: str, **more: object) -> Way:
    task = _TASK.replace("SCRIPT", "touch x.bam")
    text = task.replace("    output:", f"    publishDir '{folder}'\n    output:")
    return Way({"main.nf": text}, batch=True, **more)  # type: ignore[arg-type]


def _denial(action: str, resource: str) -> str:
    return (
        f"User: arn:aws:sts::123456789012:assumed-role/head/i-1 is not authorized to perform: {action}"
        f" on resource: {resource} because no identity-based policy allows the {action} action"
    )


REPOSITORY = """
git init -q repository && cd repository
echo 'workflow { }' >main.nf && touch nextflow.config && git add . &&
git -c user.name=a -c user.email=a@b commit -qm 1
"""
EMPTY_REPOSITORY = REPOSITORY.replace(
    "echo 'workflow { }' >main.nf && touch nextflow.config", "touch README.md"
)

WAYS: dict[str, Way] = {
    # What does not compile
    "script-syntax": _main("workflow {\n println 'a'\n"),
    "module-syntax": Way(
        {
            "main.nf": "include { SAY } from './modules/say.nf'\nworkflow { SAY() }\n",
            "modules/say.nf": "process SAY {\n    script:\n    'echo hi\n}\n",
        }
    ),
    "config-syntax": _config("process {\n    cpus = \n}\n"),
    "config-in-s3-syntax": Way(
        {"main.nf": _HELLO},
        ("PROJECT", "-c", "s3://bucket/my/bad.config"),
        extra={"my/bad.config": b"process {\n  cpus = \n"},
    ),
    "config-include-missing": _config("includeConfig 'conf/nowhere.config'\n"),
    "config-include-syntax": Way(
        {
            "main.nf": _HELLO,
            "nextflow.config": "includeConfig 'conf/base.config'\n",
            "conf/base.config": "process {\n    cpus = 2 GB\n}\n",
        }
    ),
    "config-runtime": _config("params.n = nothing.here\n"),
    "include-missing": _main("include { SAY } from './nowhere.nf'\nworkflow { SAY() }\n"),
    "include-unknown-name": Way(
        {
            "main.nf": "include { SHOUT } from './say.nf'\nworkflow { SHOUT() }\n",
            "say.nf": "process SAY {\n    script:\n    'echo hi'\n}\n",
        }
    ),
    "old-script": _main("def n = 0\nwhile( n < 3 ) {\n    n++\n}\nchannel.of(n).view()\n"),
    "old-config": _config("def check_max(n) { return n }\nprocess.cpus = check_max(2)\n"),
    "dsl1": _main("nextflow.enable.dsl = 1\nprocess A {\n  output: stdout into x\n  'echo 1'\n}\n"),
    "variable-undefined": _main("workflow {\n    println gnome\n}\n"),
    "process-undefined": _main("workflow {\n    ALIGN()\n}\n"),
    "variable-undefined-at-runtime": _main(
        "workflow {\n    println gnome\n}\n", variables={"NXF_SYNTAX_PARSER": "v1"}
    ),
    "operator-unknown": _main("workflow {\n    channel.of(1).mapp { n -> n }.view()\n}\n"),
    "null-property": _main("workflow {\n    def a = null\n    println a.size()\n}\n"),
    "entry-unknown": _main("workflow A {\n    println 1\n}\n", "-entry", "nope"),
    "inputs-missing": _main(
        "process A {\n    input:\n    val x\n    val y\n    script:\n    'echo 1'\n}\n"
        "workflow {\n    A(1)\n}\n"
    ),
    "channel-misuse": _main(
        "workflow {\n    A()\n    A()\n}\nprocess A {\n    script: 'echo 1'\n}\n"
    ),
    "join-mismatch": _main(
        "workflow {\n    channel.of([1, 2]).join(channel.of([3, 4]), failOnMismatch: true).view()\n}\n"
    ),
    # What is not as the pipeline or Nextflow wants it
    "params-json": _params("in/p.json", b'{"a": 1,'),
    "params-yaml": _params("in/p.yml", b"a: [1\nb: 2\n"),
    "params-latin": _params("in/p.yml", "sample: Müller\n".encode("latin-1")),
    "params-utf16": _params("in/p.json", '{"a": 1}'.encode("utf-16")),
    "params-not-a-mapping": _params("in/p.yml", b"- a\n- b\n"),
    "params-ending": _params("in/p.txt", b"a: 1\n"),
    "params-missing": _main(_HELLO, "-params-file", "nowhere.json"),
    "params-host": _main(_HELLO, "-params-file", "https://unknown.invalid/p.yml"),
    "config-missing": _main(_HELLO, "-c", "nowhere.config"),
    "profile-unknown": _config("profiles { test { params.a = 1 } }\n", "-profile", "tset"),
    "option-unknown": _main(_HELLO, "-zzz"),
    "run-name": _main(_HELLO, "-name", "Bad Name"),
    "nextflow-version": _config("manifest.nextflowVersion = '!>=99.0.0'\n"),
    "plugin-unavailable": _config("plugins { id 'nf-nowhere@1.0.0' }\n"),
    "manifest-main-script": _config("manifest.mainScript = 'nowhere.nf'\n"),
    "config-not-utf8": Way(
        {"main.nf": _HELLO},
        ("PROJECT", "-c", "s3://bucket/my.config"),
        extra={"my.config": "// Müller\nparams.a = 'ü'\n".encode("latin-1")},
    ),
    "main-script-missing": _main(_HELLO, "-main-script", "nowhere.nf"),
    "schema-param-missing": Way(_VALIDATED),
    "schema-param-unknown": Way(_VALIDATED, ("PROJECT", "--outdir", "o", "--ouput", "x")),
    "schema-file-missing": Way(
        _VALIDATED, ("PROJECT", "--outdir", "o", "--reads", "s3://bucket/nowhere.fq")
    ),
    "schema-param-type": Way(_VALIDATED, ("PROJECT", "--outdir", "o", "--skip_qc", "true")),
    "schema-sheet": Way(
        _VALIDATED,
        ("PROJECT", "--outdir", "o", "--input", "s3://bucket/sheet.csv"),
        extra={"sheet.csv": b"sample,fastq\na b,s3://bucket/none.fq\n"},
    ),
    # Projects that are not there
    "project-unknown-offline": Way(
        arguments=("helo", "-offline"), variables={"NXF_OFFLINE": "true"}
    ),
    "project-unknown": replace(_git(404), arguments=("helo", "-hub", "ours")),
    "revision-unknown-at-host": replace(
        _git(404), arguments=("lab/pipeline", "-hub", "ours", "-r", "v9")
    ),
    "project-no-network": Way(arguments=("helo",)),
    "git-404": _git(404),
    "git-401": _git(401),
    "git-403": _git(403),
    "git-rate-limit": replace(_git(403), host_headers={"X-RateLimit-Remaining": "0"}),
    "git-503": _git(503),
    "git-url-unknown-host": Way(arguments=("https://git.unknown.invalid/lab/pipeline",)),
    "revision-unknown": Way(arguments=("file:REPOSITORY", "-r", "v9"), prepare=REPOSITORY),
    "repository-without-main": Way(arguments=("file:REPOSITORY",), prepare=EMPTY_REPOSITORY),
    "local-project-missing": Way(arguments=("./nowhere/main.nf",)),
    # Tasks that fail
    "task-exit-1": _task("echo first >&2; echo 'no such genome: hg99' >&2; exit 1"),
    "task-exit-7-silent": _task("exit 7"),
    "task-127": _task("samtolls view x"),
    "task-137": _task("kill -9 \\$\\$"),
    "task-143": _task("kill -15 \\$\\$"),
    "task-disk-full": _task(
        "echo 'sort: write failed: /tmp/a: No space left on device' >&2; exit 2"
    ),
    "task-output-missing": _task("true"),
    "task-retries": _task("exit 3", "process.errorStrategy = 'retry'\nprocess.maxRetries = 1\n"),
    "task-finish": _task("echo lost >&2; exit 4", "process.errorStrategy = 'finish'\n"),
    "task-exitless-template": _main(
        "process A {\n    script:\n    template 'nowhere.sh'\n}\nworkflow {\n    A()\n}\n"
    ),
    "task-variable-undefined": _main(
        'process A {\n    input: val x\n    script:\n    "echo ${x.nothing()}"\n}\n'
        "workflow {\n    A(1)\n}\n"
    ),
    "input-collision": Way(
        {
            "main.nf": "process A {\n    input: path x\n    script:\n    'ls'\n}\n"
            "workflow {\n    A(channel.fromPath('s3://bucket/{a,b}/x.txt').collect())\n}\n"
        },
        extra={"a/x.txt": b"1", "b/x.txt": b"2"},
    ),
    "input-missing": _main(_INPUT, "--input", "/data/nowhere.fq"),
    "input-key-missing": _main(_INPUT, "--input", "s3://bucket/in/nowhere.fq"),
    "input-bucket-missing": _main(_INPUT, "--input", "s3://no-such-bucket-here/x.fq"),
    "input-denied": _main(
        _INPUT,
        "--input",
        "s3://other-lab/x.fq",
        fault=Fault("s3", "/other-lab", 403, "AccessDenied", "Access Denied"),
    ),
    "input-other-region": _main(
        _INPUT,
        "--input",
        "s3://other-lab/x.fq",
        fault=Fault("s3", "/other-lab", 301, "PermanentRedirect", _OTHER_REGION),
    ),
    "input-archived": _main(
        _INPUT,
        "--input",
        "s3://bucket/a/x.txt",
        extra={"a/x.txt": b"1"},
        fault=Fault(
            "s3",
            "/bucket/a/x.txt",
            403,
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
        ),
    ),
    "input-key-denied": _main(
        _INPUT,
        "--input",
        "s3://other-lab/x.fq",
        fault=Fault(
            *("s3", "/other-lab", 403, "AccessDenied"),
            _denial("kms:Decrypt", "arn:aws:kms:us-west-2:123456789012:key/1"),
        ),
    ),
    "schema-file-denied": Way(
        _VALIDATED,
        ("PROJECT", "--outdir", "o", "--reads", "s3://other-lab/x.fq"),
        fault=Fault("s3", "/other-lab", 403, "AccessDenied", "Access Denied"),
    ),
    "schema-sheet-file-denied": Way(
        _VALIDATED,
        ("PROJECT", "--outdir", "o", "--input", "s3://bucket/sheet.csv"),
        extra={"sheet.csv": b"sample,fastq\na,s3://other-lab/x.fq\n"},
        fault=Fault("s3", "/other-lab", 403, "AccessDenied", "Access Denied"),
    ),
    # The pipeline itself says no
    "error": _main("workflow {\n    error 'Please provide an input samplesheet'\n}\n"),
    "exit-3": _main(
        "workflow {\n    log.error 'no genome'\n    exit 3\n}\n",
        variables={"NXF_SYNTAX_PARSER": "v1"},
    ),
    "exit-with-message": _main(
        "workflow {\n    exit 1, 'Genome hg99 is not in the configuration'\n}\n",
        variables={"NXF_SYNTAX_PARSER": "v1"},
    ),
    "exception": _main("workflow {\n    throw new IllegalStateException('bad state')\n}\n"),
    "assertion": _main(
        "workflow {\n    assert params.genome : 'no genome'\n}\nparams.genome = null\n"
    ),
    # Batch
    "batch-exit-1": _task("echo 'no such genome: hg99' >&2; exit 1", batch=True),
    "batch-output-missing": _task("true", batch=True),
    "batch-no-container": _task("touch x.bam", "process.container = null\n", batch=True),
    "batch-image": _task(
        "touch x.bam",
        "process.errorStrategy = 'terminate'\n",
        batch=True,
        during="failed-pull",
    ),
    "batch-spot": _task(
        "sleep 60; touch x.bam", "aws.batch.maxSpotAttempts = 1\n", batch=True, during="reclaimed"
    ),
    "batch-unschedulable": _task(
        "touch x.bam",
        "process.cpus = 4000\nprocess.memory = '9000 GB'\nprocess.resourceLimits = [:]\n",
        batch=True,
    ),
    "batch-time-limit": _task("sleep 300", "process.time = '60s'\n", batch=True),
    "batch-queue-missing": _task("touch x.bam", "process.queue = 'nowhere'\n", batch=True),
    "batch-queue-disabled": _task("touch x.bam", "process.queue = 'disabled'\n", batch=True),
    "batch-work-dir-local": _task("touch x.bam", batch=True, variables={"WORK": "/scratch/work"}),
    "batch-input-missing": Way(
        {"main.nf": _INPUT}, ("PROJECT", "--input", "s3://bucket/in/nowhere.fq"), batch=True
    ),
    "batch-task-denied": _task(
        "echo 'fatal error: An error occurred (AccessDenied) when calling the GetObject operation:"
        " Access Denied' >&2; exit 1",
        batch=True,
    ),
    "batch-submit-denied": _aws(
        *("batch", "/v1/submitjob", 403, "AccessDeniedException"),
        _denial("batch:SubmitJob", "arn:aws:batch:us-west-2:123456789012:job-queue/q"),
    ),
    "batch-register-denied": _aws(
        *("batch", "/v1/registerjobdefinition", 403, "AccessDeniedException"),
        _denial(
            "batch:RegisterJobDefinition",
            "arn:aws:batch:us-west-2:123456789012:job-definition/nf-task",
        ),
    ),
    "batch-pass-role-denied": _aws(
        *("batch", "/v1/registerjobdefinition", 403, "AccessDeniedException"),
        _denial("iam:PassRole", "arn:aws:iam::123456789012:role/other"),
    ),
    "batch-throttled": _aws(
        "batch", "/v1/submitjob", 429, "TooManyRequestsException", "Too Many Requests"
    ),
    "batch-503": _aws(
        *("batch", "/v1/", 503, "ServiceUnavailable", "Service is unable to handle request.")
    ),
    "batch-expired": _aws(
        *("batch", "/v1/", 403, "ExpiredTokenException"),
        "The security token included in the request is expired",
    ),
    "batch-clock": _aws(
        *("batch", "/v1/", 403, "InvalidSignatureException"),
        "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
    ),
    "batch-bad-definition": _aws(
        *("batch", "/v1/registerjobdefinition", 400, "ClientException"),
        "Error executing request, Exception : Container properties memory must be at least 4",
    ),
    # S3
    "s3-503": _aws("s3", "/bucket/runs", 503, "SlowDown", "Please reduce your request rate."),
    "s3-denied": _aws("s3", "/bucket/runs", 403, "AccessDenied", "Access Denied"),
    "s3-work-dir-denied": _aws(
        *("s3", "/bucket/runs", 403, "AccessDenied"),
        _denial("s3:PutObject", "arn:aws:s3:::bucket/runs/x"),
    ),
    "s3-kms-denied": _aws(
        *("s3", "/bucket/runs", 403, "AccessDenied"),
        _denial("kms:GenerateDataKey", "arn:aws:kms:us-west-2:123456789012:key/1"),
    ),
    "s3-expired": _aws(
        "s3", "/bucket/runs", 400, "ExpiredToken", "The provided token has expired."
    ),
    "s3-clock": _aws(
        *("s3", "/bucket/runs", 403, "RequestTimeTooSkewed"),
        "The difference between the request time and the current time is too large.",
    ),
    "publish-denied": _publish(
        "s3://results/out",
        fault=Fault("s3", "/results", 403, "AccessDenied", "Access Denied"),
    ),
    "publish-kms-denied": _publish(
        "s3://results/out",
        fault=Fault(
            *("s3", "/results", 403, "AccessDenied"),
            _denial("kms:GenerateDataKey", "arn:aws:kms:us-west-2:123456789012:key/1"),
        ),
    ),
    "publish-other-region": _publish(
        "s3://results/out",
        fault=Fault("s3", "/results", 301, "PermanentRedirect", _OTHER_REGION),
    ),
    "publish-503": _publish(
        "s3://results/out",
        fault=Fault("s3", "/results", 503, "SlowDown", "Please reduce your request rate."),
    ),
    "publish-file-denied": _publish(
        "s3://results/out",
        fault=Fault("s3", "/results/out/x.bam", 403, "AccessDenied", "Access Denied"),
    ),
    "publish-bucket-missing": _publish("s3://no-such-bucket-here/out"),
    "output-denied": Way(
        {"main.nf": _OUTPUT},
        ("PROJECT", "-output-dir", "s3://results/out"),
        batch=True,
        fault=Fault("s3", "/results", 403, "AccessDenied", "Access Denied"),
    ),
    "output-bucket-missing": Way(
        {"main.nf": _OUTPUT}, ("PROJECT", "-output-dir", "s3://no-such-bucket-here/out"), batch=True
    ),
    "crt-attempts": _publish("s3://bucket/out", variables={"AWS_MAX_ATTEMPTS": "100"}),
    # The rest
    "local-executor-work-dir-in-s3": _task(
        "touch x.bam", "process.executor = 'local'\n", batch=True
    ),
    "secret-missing": _main(
        "process A {\n    secret 'TOKEN'\n    script:\n    'echo 1'\n}\nworkflow {\n    A()\n}\n"
    ),
    "resume-unknown": _main(_HELLO, "-resume", "0b3ba3b5-9e1a-4a4c-9f3a-6f3ed5b1d4e9"),
    "heap": _main(
        "workflow {\n    def held = []\n    (1..1000000).each { held << ('x' * 1000000) }\n}\n",
        variables={"NXF_JVM_ARGS": "-Xmx96m"},
    ),
    "killed": _task("sleep 60", during="killed"),
    "terminated": _task("sleep 60", during="terminated"),
    "cancelled": _task("sleep 60", during="cancelled"),
}


def prepare(way: Way, folder: Path) -> None:
    """Makes what a way needs in the head's folder."""
    if way.prepare:
        subprocess.run(["sh", "-c", way.prepare], cwd=folder, check=True)
