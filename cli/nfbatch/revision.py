"""Which commit a revision is, so that each attempt of a run runs the same."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from nfbatch.error import Kind, NfbatchError

_HUBS = {
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "bitbucket": "https://bitbucket.org",
}
#: Whose project `hello` is:
#: https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/scm/AssetManager.groovy
_ORGANIZATION = "nextflow-io"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Revision:
    """A revision of a project.

    Attributes:
        commit: Its commit; None if it is not known.
        note: A sentence about it.
    """

    commit: str | None
    note: str


def resolve(project: str, revision: str | None, hub: str | None) -> Revision:
    """Asks the project's Git host which commit a revision is.

    Args:
        project: A name, `owner/repo`, or an address.
        revision: A branch, tag or commit; the default branch when not given.
        hub: The value of `-hub`.

    Raises:
        NfbatchError: The repository has no such revision.
    """
    shown = revision or "the default branch"
    if revision and _COMMIT.fullmatch(revision):
        return Revision(revision, f"{project}: commit {revision}")
    url = _url(project, hub)
    if url is None:
        return _unknown(project, shown, "nfbatch does not know its address")
    wanted = f"{revision}" if revision else None
    names = [f"refs/tags/{wanted}", f"refs/tags/{wanted}^{{}}", f"refs/heads/{wanted}"]
    try:
        references = _references(url, names if wanted else ["HEAD"])
    except _GitError as error:
        return _unknown(project, shown, str(error))
    # As Nextflow's Git library chooses; `^{}` is the commit of a tag that has a message.
    order = [names[1], names[0], names[2]] if wanted else ["HEAD"]
    commit = next((references[name] for name in order if name in references), None)
    if commit:
        return Revision(commit, f"{project}: {shown} is commit {commit}")
    if revision and _SHORT_COMMIT.fullmatch(revision):
        return _unknown(project, shown, "a short commit cannot be looked up")
    raise NfbatchError(
        Kind.BAD_INPUT,
        f"-r {revision} is not allowed: {url} has no such branch or tag"
        if revision
        else f"{url} has no default branch: name a revision with -r",
    )


def _unknown(project: str, shown: str, reason: str) -> Revision:
    return Revision(
        None,
        f"{project}: {shown} is not pinned to a commit, so a later attempt may run another"
        f" version ({reason})",
    )


def _url(project: str, hub: str | None) -> str | None:
    if "://" in project or project.startswith("git@"):
        return project
    host = _HUBS.get(hub or "github")
    name = project if "/" in project else f"{_ORGANIZATION}/{project}"
    if host is None or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return None
    return f"{host}/{name}"


class _GitError(Exception):
    """Git does not tell; the message says why."""


def _references(url: str, names: list[str]) -> dict[str, str]:
    """The commits of those names that the repository has."""
    # Nobody answers a question for a password here.
    environment = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    }
    try:
        done = subprocess.run(
            ["git", "ls-remote", "--", url, *names],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
    except OSError:
        raise _GitError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise _GitError(f"{url} did not respond within {_PATIENCE_SECONDS} seconds") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith("fatal:")), "git failed")
        raise _GitError(reason.removeprefix("fatal: "))
    rows = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return {name: commit for commit, name in rows}
