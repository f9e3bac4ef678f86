"""Tasks that failed."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import FAILED, Rule
from nextflow_head.s3_access import Access

RULES = (
    # What a task did
    Rule(
        State.FAILED,
        r"OutOfMemoryError: Container killed due to memory usage",
        FAILED + "{process}used more memory than its limit: increase `memory` of the process",
    ),
    Rule(
        State.FAILED,
        r"Unschedulable AWS Batch job \S+ - (?P<why>.+)",
        FAILED + "{process}no instance of this deployment is large enough ({why}): request less, or"
        " allow larger instance types in the settings",
    ),
    Rule(
        State.FAILED,
        r"^\s+(?:.* - )?(?P<why>(?:CannotPull|CannotCreate|CannotStart|ResourceInit)\w*: .+)",
        FAILED + "{process}its container did not start: {why}",
    ),
    Rule(
        State.FAILED,
        r"Job attempt duration exceeded timeout",
        FAILED + "{process}ran longer than its time limit: increase `time` of the process",
    ),
    Rule(
        State.FAILED,
        r"finalizing task '(?P<task>.+)' - cause: Failed to create publish directory:"
        r" (?P<uri>\S.*)$",
        "process {task}: Nextflow could not create the publishing folder {uri}: check its name, and"
        " that the head may write there",
        access=Access.WRITE,
        subject="process {task}: publishing failed: ",
    ),
    Rule(
        State.FAILED,
        r"Unexpected error while finalizing task '(?P<task>.+)' - cause: (?P<why>.+)",
        FAILED + "process {task}: {why}",
    ),
    Rule(
        State.FAILED,
        r"Invalid AWS Batch job definition -- provide a Docker image",
        FAILED + "{process}has no container image: set process.container in a configuration",
    ),
    Rule(
        State.FAILED,
        r"^\s+Error executing request, Exception : (?P<why>.+)",
        FAILED + "{process}Batch refused it: {why}",
    ),
    Rule(
        State.FAILED,
        r"^\s+Missing output file\(s\) `(?P<file>[^`]+)` expected by process",
        FAILED + "{process}succeeded but did not create its output {file}{last}",
    ),
    Rule(
        State.FAILED,
        r"No space left on device",
        FAILED + "{process}its disk was full{last}",
        by_task=True,
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+127$",
        FAILED + "{process}exit status 127, a command was not found in its container{last}",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+137$",
        FAILED + "{process}exit status 137: it was killed, usually because it used more memory than"
        " its limit; increase `memory` of the process",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+143$",
        FAILED + "{process}exit status 143: it was terminated (SIGTERM){last}",
    ),
    Rule(
        State.FAILED,
        r"^Command exit status:\n\s+(?P<status>[1-9]\d{0,2})$",
        FAILED + "{process}exit status {status}{last}",
    ),
    Rule(
        State.FAILED,
        r"input file name collision -- There are multiple input files for each of the following"
        r" file names: (?P<files>.+)",
        FAILED + "{process}more than one of its input files is named {files}: rename them, or stage"
        " them under other names (stageAs)",
    ),
    Rule(
        State.FAILED,
        r"Required secrets? (?:is|are) missing: (?P<names>.+)",
        FAILED + "{process}the secret {names} is missing because the head has no store of"
        " Nextflow's secrets: use the task's role or a private file in S3 instead",
    ),
    Rule(
        State.FAILED,
        r"Local executor requires the use of POSIX compatible file system",
        FAILED
        + "{process}the executor `local` cannot use a work directory in S3: remove it from the"
        " configuration or the process, so that the task runs on Batch",
    ),
    Rule(
        State.FAILED,
        r"Can't stage file (?P<uri>s3://.+?) -- reason: Exception thrown downloading",
        "{process}Nextflow could not download {uri}: check that the head may read it"
        " (storage.reference_buckets in the settings), and that it is not archived (Glacier)",
        access=Access.READ,
        subject="{process}",
    ),
    Rule(
        State.FAILED,
        r"Error executing process >[\s\S]*?^Caused by:\n\s+(?P<why>.+)",
        FAILED + "{process}{why}{at}{last}",
    ),
)
