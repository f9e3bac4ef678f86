"""Which file or folder of the user each local copy stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Where Nextflow keeps a repository, below its home:
# https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/scm/MultiRevisionRepositoryStrategy.groovy
_CLONE = r"/assets/(?:\.repos/([^/\s]+/[^/\s]+)/clones/[0-9a-f]{40}|([^/\s.]+/[^/\s]+))/"


@dataclass(frozen=True)
class Origins:
    """What the user typed for each local copy that Nextflow reads.

    Attributes:
        typed: By the path of the copy, a file or a folder.
        home: Nextflow's home, where it keeps the repositories that it fetched.
    """

    typed: Mapping[str, str] = field(default_factory=dict)
    home: Path | None = None

    @classmethod
    def of(cls, typed: Sequence[str], local: Sequence[str], home: Path) -> Origins:
        """Compares the arguments as they were typed with those that Nextflow gets.

        Args:
            typed: The user's arguments; one of them may be a list, separated by commas.
            local: The same arguments, with local copies in place of what they name in S3.
            home: Nextflow's home.
        """
        pairs = (
            (copy, name)
            for names, copies in zip(typed, local, strict=False)
            for name, copy in zip(names.split(","), copies.split(","), strict=False)
        )
        return cls({copy: name for copy, name in pairs if copy != name and copy[:1] == "/"}, home)

    def restore(self, text: str) -> str:
        """The text with the user's own names in place of the local paths."""
        for copy in sorted(self.typed, key=len, reverse=True):
            text = re.sub(
                re.escape(copy) + r"(?![\w-])", self.typed[copy].replace("\\", r"\\"), text
            )
        if self.home:
            text = re.sub(re.escape(str(self.home)) + _CLONE, lambda m: f"{m[1] or m[2]}/", text)
        return text
