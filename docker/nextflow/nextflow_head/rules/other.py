"""Files that do not exist, how Nextflow was started and stopped, and everything else."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import FAILED, RESUME, Rule
from nextflow_head.s3_access import Access

#: What the last error is about, without the name of its class.
_ABORTED = r"nextflow\.cli\.Launcher - Operation aborted\n"
_CLASS = r"(?:[\w$]+\.)+[\w$]+: "
_ERROR = r"\] ERROR nextflow\.\S+ - "

RULES = (
    # Files that do not exist
    Rule(
        State.BAD_INPUT,
        r"NoSuchFileException: (?P<file>/.+)$",
        "the file {file} does not exist in the head's container: put it into S3 and name its s3://"
        " address",
    ),
    Rule(
        State.BAD_INPUT,
        # Nextflow calls whatever it cannot read in S3 missing.
        r"NoSuchFileException: (?P<uri>s3://.+)$",
        "Nextflow could not read {uri}{at}: check its name, and that its bucket is the deployment's"
        " or one of storage.reference_buckets in the settings",
        access=Access.READ,
    ),
    Rule(
        State.BAD_INPUT,
        r"NoSuchFileException: (?P<file>\S.*)$",
        "the file {file} does not exist{at}: check its name",
    ),
    # How it was started and stopped
    Rule(
        State.BAD_INPUT,
        r"Can't find a run with the specified id: (?P<id>\S+)",
        "-resume {id}: this container has no such run; set the variable NF_RESUME to the id of the"
        " Batch job that ran it",
    ),
    Rule(
        State.BAD_INPUT,
        r"When using `awsbatch` executor an S3 bucket must be provided as working directory",
        "the work directory of tasks on Batch must be in S3: remove -w (-work-dir) and workDir, or"
        " name an s3:// folder that the tasks may write",
    ),
    Rule(
        State.FAILED,
        r"Session aborted -- Cause: (?P<signal>SIG[A-Z]+)$",
        f"Nextflow was stopped by {{signal}}, but not by the head; {RESUME}",
    ),
    # Everything else, in Nextflow's own words
    Rule(State.BAD_INPUT, _ABORTED + rf"(?:{_CLASS})?(?P<why>.+)", "{why}"),
    Rule(
        State.FAILED,
        r"Missing process or function (?P<name>\w+)\(",
        FAILED + "the process, function or operator {name} is not defined{at}",
    ),
    Rule(
        State.FAILED,
        r"MissingPropertyException: No such property: (?P<name>\w+) for class",
        FAILED + "the variable {name} is not defined{at}",
    ),
    Rule(
        State.FAILED,
        r"Session aborted -- Cause: (?P<why>(?!null).+(?:\n- .*)*)",
        FAILED + "{why}{at}",
    ),
    Rule(
        State.FAILED,
        _ERROR + rf"@unknown\n(?:{_CLASS})?(?P<why>.+(?:\n- .*)*)",
        FAILED + "{why}{at}",
    ),
    Rule(State.FAILED, _ERROR + r"(?P<why>(?!@unknown).+)", FAILED + "{why}{at}"),
    Rule(
        State.FAILED,
        r"",
        FAILED + "Nextflow gave no reason; read .nextflow.log in the run's logs",
    ),
)
