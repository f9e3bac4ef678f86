"""One rule: a message, and what to say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nextflow_head.messages import Messages
from nextflow_head.outcome import State
from nextflow_head.s3_access import Access

ALLOW = "allow it in the role's policy"
RESUME = "resume this run with NF_RESUME and this job's id"
FAILED = "pipeline failed: "


@dataclass(frozen=True)
class Rule:
    """A kind of end.

    In `line` and `subject`, `{name}` is a group of the pattern, or a fact of `Messages`.

    Attributes:
        state: What kind of end.
        pattern: A regular expression for Nextflow's messages; `^` and `$` are a line's.
        line: What to say.
        by_task: Whether the failed task must have printed it, rather than Nextflow.
        access: What Nextflow failed to do with the group `uri`: S3 is asked why, and `line` is said
            only if S3 finds nothing wrong.
        subject: What S3's answer is about, said before it.
        after_success: Whether it also counts where Nextflow's exit status is 0.
    """

    state: State
    pattern: str
    line: str
    by_task: bool = False
    access: Access | None = None
    subject: str = ""
    after_success: bool = False

    def match(self, messages: Messages) -> re.Match[str] | None:
        """Finds what the rule is about."""
        text = messages.task if self.by_task else messages.nextflow
        return re.search(self.pattern, text, re.MULTILINE)
