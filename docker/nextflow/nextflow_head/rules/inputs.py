"""Options, configuration and parameters."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import Rule
from nextflow_head.s3_access import Access

RULES = (
    # What the user gave
    Rule(
        State.BAD_INPUT,
        r"^(?P<why>(?:Unknown option|Expected a value|Was passed main parameter|Unrecognized).*?)"
        r" -- Check the available commands",
        "{why}: `nextflow run` has no such option, or the option needs a value",
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
        "the configuration file {file} does not exist in the head's container: put it into S3 and"
        " name its s3:// address",
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
        "the params file {file} cannot be downloaded ({why}): give the head network access to"
        " its host, or put the file into S3",
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
        "the params file {file} must contain names and values, such as `outdir:"
        " s3://bucket/results`",
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
        "the params file {file} is not allowed: its name must end with one of {allowed}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Specified params file does not exist: (?P<file>.+)$",
        "the params file {file} does not exist in the head's container: put it into S3 and name its"
        " s3:// address",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unknown configuration profile: '(?P<name>[^']+)'",
        "-profile {name}: the pipeline's configuration has no such profile",
    ),
    Rule(
        State.BAD_INPUT,
        r"Nextflow version (?P<has>\S+) does not match version required by pipeline:"
        r" (?P<wants>\S+)",
        "the pipeline requires Nextflow {wants}, but the head has {has}: run another release of the"
        " pipeline (-r), or build the head's image with another Nextflow",
    ),
    Rule(
        State.BAD_INPUT,
        # With the strict syntax, the default since 26.04, the command line gives strings only.
        r"The following invalid input values have been detected:\s*"
        r"(?P<why>(?:^\s*(?:->|\*|-) .*\n?)*?^\s*(?:->|\*|-) .*Value is \[string\] but should be"
        r" \[(?:boolean|integer|number)\].*)",
        "the pipeline rejects its parameters: {why}; put them into a -params-file, or set the job's"
        " variable NXF_SYNTAX_PARSER=v1",
    ),
    Rule(
        State.BAD_INPUT,
        # nf-schema, too, calls whatever it cannot read in S3 missing. This is the only problem.
        r"The following invalid input values have been detected:\s*"
        r"(?:^\s*\* (?P<sheet>--\S+ \(.+\)): Validation of file failed:\s*)?"
        r"^\s*(?:\*|->) (?P<what>.+) \(s3://.+\): the file or directory '(?P<uri>s3://.+)' does not"
        r" exist$(?!\n\s*(?:->|\*|-) )",
        "the pipeline rejects its parameters: {sheet} {what}: {uri} does not exist, or the head may"
        " not read it (storage.reference_buckets)",
        access=Access.READ,
        subject="the pipeline rejects its parameters: {sheet} {what}: ",
    ),
    Rule(
        State.BAD_INPUT,
        r"The following invalid input values have been detected:\s*"
        r"(?P<why>(?:^\s*(?:->|\*|-) .*\n?)+)",
        "the pipeline rejects its parameters: {why}",
    ),
)
