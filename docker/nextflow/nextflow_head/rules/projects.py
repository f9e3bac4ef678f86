"""Projects and plugins."""

from nextflow_head.outcome import State
from nextflow_head.rules.rule import Rule

_GIT = "check its name, and that the credentials of head.git_secret may read it"
_PRIVATE = "A private project needs head.git_secret"
_NAMED = "a project is named OWNER/REPO, by the URL of a Git repository, or s3://BUCKET/FOLDER"

RULES = (
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
        "the Git host of {project} has limited the requests of this address or account: submit the"
        " job again later, set head.git_secret, or put the project into S3",
    ),
    Rule(
        State.UNREACHABLE,
        r"cause: Unable to connect to (?P<host>https?://[^/\s]+)[\s\S]*Plugin with id"
        r" (?P<plugin>\S+) not found in any repository",
        "the plugin {plugin} cannot be downloaded because {host} does not respond: give the"
        " head network access to it, or build the plugin into the head's image (NEXTFLOW_PLUGINS)",
    ),
    Rule(
        State.BAD_INPUT,
        r"Plugin with id (?P<plugin>\S+) not found in any repository",
        "the plugin {plugin} is not in the plugin registry: check its name and version",
    ),
    Rule(
        State.UNREACHABLE,
        r"^Pulling (?P<project>\S+) \.\.\.(?=[\s\S]*\b(?P<why>UnresolvedAddressException"
        r"|UnknownHostException|ConnectException|\w*TimeoutException|NoRouteToHostException"
        r"|SSL\w*Exception))",
        "the Git host of {project} did not respond ({why}): give the head network access to it, or"
        f" put the project into S3; {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        # Without -r the request names no revision.
        r"^Pulling (?P<project>\S+?)(?::[^\s:/]+)? \.\.\.[\s\S]*^Remote resource not found: \S+/"
        r"(?P<file>[^/\s?]+)\?ref=(?P<revision>\S+)",
        f"the project {{project}} does not exist, or has no {{file}} in its revision {{revision}}"
        f" (-r): {_NAMED}. {_PRIVATE}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling nextflow-io/(?P<project>\S+) \.\.\.[\s\S]*^Remote resource not found:",
        f"the project {{project}} (nextflow-io/{{project}}) does not exist: {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*^Remote resource not found: (?P<url>\S+)",
        f"the project {{project}} does not exist ({{url}}): {_NAMED}. {_PRIVATE}",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*(?:Cannot find revision|Remote does not have \S+"
        r" available|Remote branch '\S+' not found|Can't find git repository)",
        "the revision {project} does not exist: -r takes a branch, a tag or a commit",
    ),
    Rule(
        State.BAD_INPUT,
        r"^Pulling (?P<project>\S+) \.\.\.[\s\S]*^(?P<why>(?:Not authorized|Forbidden"
        r"|Cannot find|Not a valid Nextflow project).*)",
        f"the project {{project}} cannot be downloaded: {{why}}; {_GIT}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unable to find a Git provider config for \S+GitUrl\([^,\n]*, [^,\n]*, (?P<host>[^,\n]+),",
        "Nextflow does not know the Git host {host}: check the address; describe a host of your own"
        " in the secret of head.git_secret",
    ),
    Rule(
        State.BAD_INPUT,
        r"Unknown project `(?P<project>[^`]+)`",
        "the project {project} is not in the container, and cannot be downloaded because -offline"
        f" or NXF_OFFLINE is set; {_NAMED}",
    ),
    Rule(
        State.BAD_INPUT,
        r"Cannot find script file: (?P<file>.+)$",
        "the script {file} does not exist: check the project and -main-script",
    ),
    Rule(
        State.BAD_INPUT,
        r"Missing project main script: (?P<file>.+)$",
        "the project has no file {file}, which its manifest or -main-script names",
    ),
)
