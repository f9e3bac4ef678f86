"""What a line that Nextflow wrote means: how the run ended, and what to say of it.

The first rule that fits counts. Each matches words of Nextflow, its plugins or AWS's SDK, which
another version may change: docs/adr/0015-the-last-line.md says how to renew them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextflow_head.state import State

if TYPE_CHECKING:
    from nextflow_head.said import Said


@dataclass(frozen=True)
class Rule:
    """A kind of end.

    Attributes:
        state: What kind of end.
        pattern: A regular expression for what Nextflow said; `^` and `$` are a line's.
        line: What to say: `{name}` is a group of the pattern, or a fact that `Said` knows.
        by_task: Whether the failed task must have said it, rather than Nextflow.
    """

    state: State
    pattern: str
    line: str
    by_task: bool = False

    def match(self, said: Said) -> re.Match[str] | None:
        """Finds what the rule is about."""
        text = said.task if self.by_task else said.nextflow
        return re.search(self.pattern, text, re.MULTILINE)


_ALLOW = "allow it in the role's policy"
_RESUME = "resume this run by NF_RESUME and this job's id"
_OLD = "if the pipeline is older than Nextflow 26.04, set the job's variable NXF_SYNTAX_PARSER=v1"
_GIT = "is the name right, and may the credentials of head.git_secret read it?"
_PRIVATE = "A private one needs head.git_secret"
_NAMED = "a project is named OWNER/REPO, by the URL of a Git repository, or s3://BUCKET/FOLDER"
_FAILED = "pipeline failed: "

#: Where the line about a file that does not compile begins.
_UNCOMPILED = r"^Error \S.*?:\d+:\d+: "
#: What the last error is about, without the name of its class.
_ABORTED = r"nextflow\.cli\.Launcher - Operation aborted\n"
_CLASS = r"(?:[\w$]+\.)+[\w$]+: "
_ERROR = r"\] ERROR nextflow\.\S+ - "
#: What the SDK did more than once, it took for passing.
_PASSING = (
    r"(?:Unable to execute HTTP request|Status Code: 50[0234]|SDK Attempt Count: (?!1\))|SlowDown)"
)
#: 26.04 says no more at the end; why stands in an earlier entry of the log.
_NO_FOLDER = (
    r"\A(?=[\s\S]*?(?:Cannot create work-dir '(?=s3:)|Unable to create directory=)"
    r"(?P<path>[^\s']+))"
)

RULES: tuple[Rule, ...] = (
    # What AWS does not allow
    Rule(
        State.NO_PERMISSION,
        r"not authorized to perform: (?P<action>[\w:-]+) on resource: \"?(?P<resource>[^\s\"]+)",
        f"{{process}}no permission for {{action}} on {{resource}}: {_ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"not authorized to perform: (?P<action>[\w:-]+)",
        f"{{process}}no permission for {{action}}: {_ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"(?P<code>ExpiredToken\w*|token included in the request is expired|token has expired)",
        "{process}AWS refused the head's credentials, as they have expired; submit the job again",
    ),
    Rule(
        State.NO_PERMISSION,
        r"(?P<why>RequestTimeTooSkewed|difference between the request time and the current time"
        r"|Signature expired|Signature not yet current)",
        "{process}AWS refused the head's requests, as the clock of its instance is wrong ({why});"
        " submit the job again, and let the instance reach the Amazon Time Sync Service",
    ),
    Rule(
        State.NO_PERMISSION,
        r"Unable to load credentials from any of the providers",
        "{process}the head has no AWS credentials: does its job definition name a job role?",
    ),
    Rule(
        State.NO_PERMISSION,
        r"java\.nio\.file\.AccessDeniedException: (?:s3:/)?/(?P<path>[^\s:]+)",
        f"{{process}}no permission for s3:* on s3://{{path}}: {_ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"Access ?Denied \(Service: (?P<service>\w+), Status Code: 403",
        f"{{process}}no permission for {{service}} on what the log names: {_ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"An error occurred \((?:AccessDenied|403|Forbidden)\) when calling the (?P<call>\w+)"
        r" operation",
        "{process}no permission for s3:{call} on what the task's log names: "
        "allow it in the tasks' role",
        by_task=True,
    ),
    # What ran out
    Rule(
        State.OUT_OF_MEMORY,
        r"java\.lang\.OutOfMemoryError",
        "out of memory: Nextflow used up its heap; give the head more, by head.memory_mib in the"
        " settings or by --container-overrides",
    ),
    # What was lost or did not answer
    Rule(
        State.HOST_LOST,
        r"Host EC2 \(instance (?P<host>[\w-]+)\) terminated",
        f"{{process}}lost its host ({{host}}) more often than it is retried; {_RESUME}, and see"
        " that head.on_demand_queue is set in the settings",
    ),
    Rule(
        State.UNREACHABLE,
        _NO_FOLDER + rf"(?=[\s\S]*?Failed to create directory[\s\S]*?{_PASSING})",
        f"S3 did not answer when {{path}} was to be made; {_RESUME}",
    ),
    Rule(
        State.NO_PERMISSION,
        _NO_FOLDER + r"(?=[\s\S]*?Failed to create directory[\s\S]*?(?:Access ?Denied|: 403))",
        f"no permission for s3:PutObject on {{path}}: {_ALLOW}",
    ),
    Rule(
        State.UNREACHABLE,
        _NO_FOLDER,
        f"{{path}} could not be made: does S3 answer, and may the head write there? {_RESUME}",
    ),
    Rule(
        State.UNREACHABLE,
        rf"(?:Session aborted -- Cause: |^Caused by:\n\s+)(?P<why>[^\n]*{_PASSING}[^\n]*)",
        f"AWS did not answer: {{why}}; {_RESUME}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Could not create retry strategy",
        "Nextflow's S3 client takes no more than 63 attempts: set AWS_MAX_ATTEMPTS, and"
        " aws.client.maxErrorRetry if a configuration sets it, to at most 60",
    ),
    # A file that does not compile
    Rule(
        State.BAD_INPUT,
        _UNCOMPILED + r"Unexpected input: '<EOF>'",
        "{place}: the file ends too early: is a bracket or a quotation mark left open?",
    ),
    Rule(
        State.BAD_INPUT,
        _UNCOMPILED + r"Invalid include source: '(?P<file>.+)'",
        "{place}: there is no file {file} to include",
    ),
    Rule(
        State.BAD_INPUT,
        _UNCOMPILED + r"(?P<why>(?:Included name|Module could not|Incorrect"
        r"|Unexpected character|`[^`]+` is).*)",
        "{place}: {why}",
    ),
    Rule(State.BAD_INPUT, _UNCOMPILED + r"(?P<why>.+)", f"{{place}}: {{why}}; {_OLD}"),
    Rule(
        State.BAD_INPUT,
        r"The `-entry` option is not supported with the strict parser",
        "-entry is refused: the syntax of Nextflow 26.04 runs the workflow without a name only;"
        " to run a named one set the job's variable NXF_SYNTAX_PARSER=v1",
    ),
    # What the user gave
    Rule(
        State.BAD_INPUT,
        r"^(?P<why>(?:Unknown option|Expected a value|Was passed main parameter|Unrecognized).*?)"
        r" -- Check the available commands",
        "{why}: `nextflow run` has no such option, or wants a value",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unable to parse config file: '(?P<file>.+)'$(?=[\s\S]*MalformedInputException)",
        "the configuration {file} is not UTF-8: save it as UTF-8",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unable to parse config file: '(?P<file>.+)'$[\s\S]*?^Caused by: (?:[\w$.]+: )?"
        r"(?P<why>.+)",
        "the configuration {file} cannot be read: {why}{at}",
    ),
    Rule(
        State.BAD_INPUT,
        r"The specified configuration file does not exist: (?P<file>.+?) -- check",
        "there is no configuration file {file} in the head's container: put it into S3 and name"
        " its s3:// address",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot parse params file: (?P<file>.+?)(?: - Cause: .*)?$"
        r"(?=[\s\S]*MalformedInputException)",
        "the params file {file} is not UTF-8: save it as UTF-8",
    ),
    Rule(
        State.UNREACHABLE,
        r"Cannot parse params file: (?P<file>https?://.+?)$(?=[\s\S]*?\.(?P<why>\w+Exception))",
        "the params file {file} cannot be fetched ({why}): let the head reach its host, or put it"
        " into S3",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot parse params file: (?P<file>.+?) - Cause: (?P<why>.+)\n(?:.*\n)*?line number"
        r" (?P<line>\d+)\nindex number (?P<column>\d+)",
        "the params file {file} is not valid JSON, line {line}, character {column}: {why}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot parse params file: (?P<file>.+?)$(?=[\s\S]*?(?P<why>expected [^\n]+)\n in"
        r" 'string', line (?P<line>\d+), column (?P<column>\d+))",
        "the params file {file} is not valid YAML, line {line}, column {column}: {why}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot parse params file: (?P<file>.+?)(?: - Cause: .*)?$(?=[\s\S]*Cannot cast object)",
        "the params file {file} must hold names and values, such as `outdir: s3://bucket/results`",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot parse params file: (?P<file>.+?)(?: - Cause: (?P<why>.*))?$",
        "the params file {file} is neither JSON nor YAML: {why}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Not a valid params file extension: (?P<file>.+?) -- It must be one of .*:"
        r" (?P<allowed>.+)",
        "the params file {file} is refused: its name must end with one of {allowed}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Specified params file does not exist: (?P<file>.+)$",
        "there is no params file {file} in the head's container: put it into S3 and name its s3://"
        " address",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unknown configuration profile: '(?P<name>[^']+)'",
        "-profile {name} is refused: the pipeline's configuration has no such profile",
    ),
    Rule(
        State.BAD_INPUT,
        r"Nextflow version (?P<has>\S+) does not match version required by pipeline:"
        r" (?P<wants>\S+)",
        "the pipeline asks for Nextflow {wants}, and the head has {has}: run another release of"
        " the pipeline (-r), or build the head's image with another Nextflow",
    ),
    Rule(
        State.BAD_INPUT,
        # With the strict syntax, the default since 26.04, the command line gives strings only.
        r"The following invalid input values have been detected:\s*"
        r"(?P<why>(?:^\s*(?:->|\*|-) .*\n?)*?^\s*(?:->|\*|-) .*Value is \[string\] but should be"
        r" \[(?:boolean|integer|number)\].*)",
        "the pipeline refuses its parameters: {why}; put them into a -params-file, or set the job's"
        " variable NXF_SYNTAX_PARSER=v1",
    ),
    Rule(
        State.BAD_INPUT,
        # It too takes whatever it cannot read in S3 for missing.
        r"The following invalid input values have been detected:\s*"
        r"(?P<why>^\s*\* --\S+ \(s3://.+' does not exist)$(?!\n\s*(?:->|\*|-) )",
        "the pipeline refuses its parameters: {why}, or the head may not read it"
        " (storage.reference_buckets)",
    ),
    Rule(
        State.BAD_INPUT,
        r"The following invalid input values have been detected:\s*"
        r"(?P<why>(?:^\s*(?:->|\*|-) .*\n?)+)",
        "the pipeline refuses its parameters: {why}",
    ),
    # Projects and plugins
    Rule(
        State.UNREACHABLE,
        r"Unexpected HTTP request error '(?P<url>[^']+)' \[(?P<code>5\d\d)\]",
        "the Git host answered {code} for {url}; submit the job again later, or put the project"
        " into S3",
    ),
    Rule(
        State.UNREACHABLE,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*^API rate limit exceeded",
        "the Git host of {project} answers no more for now, as too many requests came from this"
        " address or account: submit the job again later, give credentials in the secret of"
        " head.git_secret, or put the project into S3",
    ),
    Rule(
        State.UNREACHABLE,
        r"cause: Unable to connect to (?P<host>https?://[^/\s]+)[\s\S]*Plugin with id"
        r" (?P<plugin>\S+) not found in any repository",
        "the plugin {plugin} cannot be fetched, as {host} does not answer: let the head reach it,"
        " or build the plugin into the head's image (NEXTFLOW_PLUGINS)",
    ),
    Rule(
        State.BAD_INPUT,
        r"Plugin with id (?P<plugin>\S+) not found in any repository",
        "the plugin {plugin} is in no registry of plugins: are its name and version right?",
    ),
    Rule(
        State.UNREACHABLE,
        r"^Pulling (?P<project>\S+) \.\.\.(?=[\s\S]*\b(?P<why>UnresolvedAddressException"
        r"|UnknownHostException|ConnectException|\w*TimeoutException|NoRouteToHostException"
        r"|SSL\w*Exception))",
        "the Git host of {project} did not answer ({why}): let the head reach it, or put the"
        f" project into S3; {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        # Without -r the request names no revision.
        r"^Pulling (?P<project>\S+?)(?::[^\s:/]+)? \.\.\.[\s\S]*^Remote resource not found: \S+/"
        r"(?P<file>[^/\s?]+)\?ref=(?P<revision>\S+)",
        f"there is no project {{project}} with a {{file}} in its revision {{revision}} (-r):"
        f" {_NAMED}. {_PRIVATE}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling nextflow-io/(?P<project>\S+) \.\.\.[\s\S]*^Remote resource not found:",
        f"there is no project {{project}} (nextflow-io/{{project}}): {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*^Remote resource not found: (?P<url>\S+)",
        f"there is no project {{project}} ({{url}} is not found): {_NAMED}. {_PRIVATE}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*(?:Cannot find revision|Remote does not have \S+"
        r" available|Remote branch '\S+' not found|Can't find git repository)",
        "there is no such revision: {project}; -r takes a branch, a tag or a commit",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*^(?P<why>(?:Not authorized|Forbidden"
        r"|Cannot find|Not a valid Nextflow project).*)",
        f"the project {{project}} cannot be had: {{why}}; {_GIT}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unable to find a Git provider config for \S+GitUrl\([^,\n]*, [^,\n]*, (?P<host>[^,\n]+),",
        "Nextflow knows no Git host {host}: is the address right? A host of your own must be"
        " described in the secret of head.git_secret",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unknown project `(?P<project>[^`]+)`",
        "there is no project {project} here, and -offline or NXF_OFFLINE forbids to fetch it;"
        f" {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot find script file: (?P<file>.+)$",
        "there is nothing to run at {file}: is the project right, and -main-script?",
    ),
    Rule(
        State.BAD_INPUT,
        r"Missing project main script: (?P<file>.+)$",
        "the project has no {file}, which its manifest or -main-script names",
    ),
    # What a task did
    Rule(
        State.FAILED,
        r"OutOfMemoryError: Container killed due to memory usage",
        _FAILED + "{process}used more memory than it may: give the process more (`memory`)",
    ),
    Rule(
        State.FAILED,
        r"Unschedulable AWS Batch job \S+ - (?P<why>.+)",
        _FAILED + "{process}no instance of this environment can hold it ({why}): ask for less, or"
        " allow larger instance types in the settings",
    ),
    Rule(
        State.FAILED,
        r"^\s+(?:.* - )?(?P<why>(?:CannotPull|CannotCreate|CannotStart|ResourceInit)\w*: .+)",
        _FAILED + "{process}its container did not start: {why}",
    ),
    Rule(
        State.FAILED,
        r"Job attempt duration exceeded timeout",
        _FAILED + "{process}ran longer than its time limit: give the process more (`time`)",
    ),
    Rule(
        State.FAILED,
        r"finalizing task '(?P<task>.+)' - cause: Failed to create publish directory:"
        r" (?P<path>\S+)",
        "process {task}: the publishing folder {path} could not be made: is there such a bucket,"
        " may the head write there, and does S3 answer?",
    ),
    Rule(
        State.FAILED,
        r"Unexpected error while finalizing task '(?P<task>.+)' - cause: (?P<why>.+)",
        _FAILED + "process {task}: {why}",
    ),
    Rule(
        State.FAILED,
        r"Invalid AWS Batch job definition -- provide a Docker image",
        _FAILED + "{process}has no container image: name one by process.container in a"
        " configuration",
    ),
    Rule(
        State.FAILED,
        r"^\s+Error executing request, Exception : (?P<why>.+)",
        _FAILED + "{process}Batch refused it: {why}",
    ),
    Rule(
        State.FAILED,
        r"^\s+Missing output file\(s\) `(?P<file>[^`]+)` expected by process",
        _FAILED + "{process}ended well but made no {file}, which is among its outputs{last}",
    ),
    Rule(
        State.FAILED,
        r"No space left on device",
        _FAILED + "{process}its disk was full{last}",
        by_task=True,
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+127$",
        _FAILED + "{process}exit status 127, a command was not found; has its container the"
        " program?{last}",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+137$",
        _FAILED + "{process}exit status 137: it was killed, as a rule for using more memory than it"
        " may; give the process more (`memory`)",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+143$",
        _FAILED + "{process}exit status 143: it was terminated (SIGTERM){last}",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+(?P<status>[1-9]\d{0,2})$",
        _FAILED + "{process}exit status {status}{last}",
    ),
    Rule(
        State.FAILED,
        r"input file name collision -- There are multiple input files for each of the following"
        r" file names: (?P<files>.+)",
        _FAILED + "{process}more than one of its input files is called {files}: rename them, or let"
        " the process stage them under other names (stageAs)",
    ),
    Rule(
        State.FAILED,
        r"Required secrets? (?:is|are) missing: (?P<names>.+)",
        _FAILED + "{process}the head has no store of Nextflow's secrets, so {names} is missing:"
        " use the task's role or a private file in S3 instead",
    ),
    Rule(
        State.FAILED,
        r"Local executor requires the use of POSIX compatible file system",
        _FAILED + "{process}the executor `local` cannot work in S3: take it out of the"
        " configuration, or out of the process, so that the task runs on Batch",
    ),
    Rule(
        State.FAILED,
        r"Can't stage file (?P<file>s3://.+?) -- reason: Exception thrown downloading",
        "{process}S3 does not give the file {file}: may the head read it"
        " (storage.reference_buckets in the settings), and does it lie in no archive (Glacier)?",
    ),
    Rule(
        State.FAILED,
        r"Error executing process >[\s\S]*?^Caused by:\n\s+(?P<why>.+)",
        _FAILED + "{process}{why}{at}{last}",
    ),
    # What is not there
    Rule(
        State.BAD_INPUT,
        r"NoSuchFileException: (?P<file>/.+)$",
        "there is no file {file} in the head's container: put it into S3 and name its s3://"
        " address",
    ),
    Rule(
        State.BAD_INPUT,
        # Nextflow takes whatever it cannot read in S3 for missing.
        r"NoSuchFileException: (?P<file>s3://.+)$",
        "there is no file {file}{at}, or the head may not read it: is its name right, and is its"
        " bucket this environment's or one of storage.reference_buckets in the settings?",
    ),
    Rule(
        State.BAD_INPUT,
        r"NoSuchFileException: (?P<file>\S.*)$",
        "there is no file {file}{at}: is its name right?",
    ),
    # How it was started and stopped
    Rule(
        State.BAD_INPUT,
        r"Can't find a run with the specified id: (?P<id>\S+)",
        "-resume {id} is refused: no such run is in this container; name the Batch job that ran it,"
        " by the variable NF_RESUME",
    ),
    Rule(
        State.BAD_INPUT,
        r"When using `awsbatch` executor an S3 bucket must be provided as working directory",
        "the work directory of tasks on Batch must be in S3: leave out -w (-work-dir) and workDir,"
        " or name an s3:// folder that the tasks may write",
    ),
    Rule(
        State.FAILED,
        r"Session aborted -- Cause: (?P<signal>SIG[A-Z]+)$",
        f"Nextflow was stopped by {{signal}}, which the head did not send; {_RESUME}",
    ),
    # The rest in Nextflow's own words: of a command line, of a pipeline, of whatever
    Rule(State.BAD_INPUT, _ABORTED + rf"(?:{_CLASS})?(?P<why>.+)", "{why}"),
    Rule(
        State.FAILED,
        r"Missing process or function (?P<name>\w+)\(",
        _FAILED + "there is no process, function or operator {name}{at}",
    ),
    Rule(
        State.FAILED,
        r"MissingPropertyException: No such property: (?P<name>\w+) for class",
        _FAILED + "there is no variable {name}{at}",
    ),
    Rule(
        State.FAILED,
        r"Session aborted -- Cause: (?P<why>(?!null).+(?:\n- .*)*)",
        _FAILED + "{why}{at}",
    ),
    Rule(
        State.FAILED,
        _ERROR + rf"@unknown\n(?:{_CLASS})?(?P<why>.+(?:\n- .*)*)",
        _FAILED + "{why}{at}",
    ),
    Rule(State.FAILED, _ERROR + r"(?P<why>(?!@unknown).+)", _FAILED + "{why}{at}"),
    Rule(
        State.FAILED,
        r"",
        _FAILED + "Nextflow gave no reason; its .nextflow.log lies with the run's logs",
    ),
)
