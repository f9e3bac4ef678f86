"""A file that does not compile."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import Rule

_OLD = "if the pipeline is older than Nextflow 26.04, set the job's variable NXF_SYNTAX_PARSER=v1"
#: Where the line about a file that does not compile begins.
_UNCOMPILED = r"^Error \S.*?:\d+:\d+: "

RULES = (
    # A file that does not compile
    Rule(
        State.BAD_INPUT,
        _UNCOMPILED + r"Unexpected input: '<EOF>'",
        "{place}: the file ends too early: is a bracket or a quotation mark left open?",
    ),
    Rule(
        State.BAD_INPUT,
        _UNCOMPILED + r"Invalid include source: '(?P<file>.+)'",
        "{place}: the included file {file} does not exist",
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
        "-entry is not supported by the syntax of Nextflow 26.04: to run a named workflow, set the"
        " job's variable NXF_SYNTAX_PARSER=v1",
    ),
)
