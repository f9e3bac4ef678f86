"""What AWS did not allow, did not answer, or took away."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import ALLOW, FAILED, RESUME, Rule
from nextflow_head.s3_access import Access

#: What the SDK did more than once, it took for passing.
_PASSING = (
    r"(?:Unable to execute HTTP request|Status Code: 50[0234]|SDK Attempt Count: (?!1\))|SlowDown)"
)
#: 26.04 says no more at the end; why stands in an earlier entry of the log.
_NO_FOLDER = (
    r"\A(?=[\s\S]*?(?:Cannot create work-dir '(?=s3:)|Unable to create directory=)"
    r"(?P<path>[^\s']+))"
)

RULES = (
    # What the head's plugin refuses, before AWS does. Only addresses may be shortened.
    Rule(
        State.BAD_INPUT,
        r"The work directory (?P<folder>s3:\S+) is not allowed: tasks can write only below"
        r" (?P<allowed>s3:\S+);",
        "The work directory {folder} is not allowed: tasks can write only below {allowed}; remove"
        " workDir, bucketDir or NXF_WORK",
    ),
    Rule(
        State.BAD_INPUT,
        r"storeDir (?P<folder>s3:\S+) is not allowed: tasks can write only in (?P<allowed>[^;]+);",
        "{process}storeDir {folder} is not allowed: tasks can write only in {allowed}; add the"
        " folder to storage.store_dirs in the settings, or use publishDir",
    ),
    Rule(
        State.BAD_INPUT,
        r"(?P<why>A privileged container is not allowed: .*)",
        "{process}{why}",
    ),
    # A limit of the SDK
    Rule(
        State.BAD_INPUT,
        r"Could not create retry strategy",
        "Nextflow's S3 client takes no more than 63 attempts: set AWS_MAX_ATTEMPTS, and"
        " aws.client.maxErrorRetry if a configuration sets it, to at most 60",
    ),
    # What AWS does not allow
    Rule(
        State.NO_PERMISSION,
        r"not authorized to perform: (?P<action>[\w:-]+) on resource: \"?(?P<resource>[^\s\"]+)",
        f"{{process}}no permission for {{action}} on {{resource}}: {ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"not authorized to perform: (?P<action>[\w:-]+)",
        f"{{process}}no permission for {{action}}: {ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"(?P<code>ExpiredToken\w*|token included in the request is expired|token has expired)",
        "{process}AWS refused the head's credentials because they have expired; submit the job"
        " again",
    ),
    Rule(
        State.NO_PERMISSION,
        r"(?P<why>RequestTimeTooSkewed|difference between the request time and the current time"
        r"|Signature expired|Signature not yet current)",
        "{process}AWS refused the head's requests because the clock of its instance is wrong"
        " ({why}); let the instance reach the Amazon Time Sync Service, then submit the job again",
    ),
    Rule(
        State.NO_PERMISSION,
        r"Unable to load credentials from any of the providers",
        "{process}the head has no AWS credentials: does its job definition name a job role?",
    ),
    Rule(
        State.NO_PERMISSION,
        r"java\.nio\.file\.AccessDeniedException: (?:s3:/)?/(?P<path>[^\s:]+)",
        f"{{process}}no permission to read or write s3://{{path}}: {ALLOW}",
    ),
    Rule(
        State.FAILED,
        r"Failed to publish file: (?P<file>\S.*); to: (?P<uri>s3://.+) \[\w+\] -- See log",
        FAILED
        + "Nextflow could not publish {uri} (from {file}): check that the head may write there",
        access=Access.WRITE,
        subject="publishing failed: ",
    ),
    Rule(
        State.FAILED,
        # Nextflow ends with status 0 then, although the outputs of the workflow are nowhere.
        r"Failed to invoke `workflow\.onComplete` event handler\n.*"
        r"Failed to create publish directory: (?P<uri>\S.*)$",
        FAILED
        + "Nextflow could not create the publishing folder {uri}: check its name, and that the"
        " head may write there",
        access=Access.WRITE,
        subject="publishing failed: ",
        after_success=True,
    ),
    Rule(
        State.NO_PERMISSION,
        r"Access ?Denied \(Service: (?P<service>\w+), Status Code: 403",
        f"{{process}}no permission for {{service}} on the resource that the log names: {ALLOW}",
    ),
    Rule(
        State.NO_PERMISSION,
        r"An error occurred \((?:AccessDenied|403|Forbidden)\) when calling the (?P<call>\w+)"
        r" operation",
        "{process}no permission for s3:{call} on the object that the task's log names: allow it in"
        " the tasks' role",
        by_task=True,
    ),
    # What ran out
    Rule(
        State.OUT_OF_MEMORY,
        r"java\.lang\.OutOfMemoryError",
        "out of memory: Nextflow used all of its heap; increase the head's memory with"
        " head.memory_mib in the settings or --container-overrides",
    ),
    # What was lost or did not answer
    Rule(
        State.HOST_LOST,
        r"Host EC2 \(instance (?P<host>[\w-]+)\) terminated",
        f"{{process}}lost its host ({{host}}) more often than it is retried; {RESUME}, and set"
        " head.on_demand_queue in the settings",
    ),
    Rule(
        State.UNREACHABLE,
        _NO_FOLDER + rf"(?=[\s\S]*?Failed to create directory[\s\S]*?{_PASSING})",
        f"S3 did not respond when Nextflow created {{path}}; {RESUME}",
    ),
    Rule(
        State.NO_PERMISSION,
        _NO_FOLDER + r"(?=[\s\S]*?Failed to create directory[\s\S]*?(?:Access ?Denied|: 403))",
        f"no permission for s3:PutObject on {{path}}: {ALLOW}",
    ),
    Rule(
        State.UNREACHABLE,
        _NO_FOLDER,
        f"Nextflow could not create {{path}}: does S3 answer, and may the head write there?"
        f" {RESUME}",
    ),
    Rule(
        State.UNREACHABLE,
        rf"(?:Session aborted -- Cause: |^Caused by:\n\s+)(?P<why>[^\n]*{_PASSING}[^\n]*)",
        f"AWS did not respond: {{why}}; {RESUME}",
    ),
)
