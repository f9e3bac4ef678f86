"""Questions to AWS that may be refused: what cannot be asked is not checked, and the rest is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from nfbatch.error import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from nfbatch.site import Site

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Unchecked:
    """What could not be looked at.

    Attributes:
        what: The check, or what was looked at.
        why: Such as `needs ec2:DescribeSubnets`.
    """

    what: str
    why: str

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Questions:
    """Asks AWS, and remembers what it does not answer.

    Attributes:
        site: The deployment.
        unchecked: What could not be asked.
    """

    site: Site
    unchecked: list[Unchecked] = field(default_factory=list)

    def ask(self, what: str, action: str, call: Callable[[], Answer]) -> Answer | None:
        """The answer of AWS; None if it refuses or does not exist.

        Args:
            what: What is looked at, for the message.
            action: The permission that it needs.
            call: Asks.

        Raises:
            NfbatchError: The credentials are no longer valid.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

        from nfbatch import aws_error  # noqa: PLC0415 - as above

        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            known = aws_error.translate(error, self.site.aws.profile)
            if known.kind is Kind.NO_CREDENTIALS:
                raise known from None
            why = str(known)
            if known.kind is Kind.NO_PERMISSION:
                denied = re.search(r"may not call ([\w-]+:\w+)", why)
                why = f"needs {denied[1] if denied else action}"
            missed = Unchecked(what, why)
            if missed not in self.unchecked:
                self.unchecked.append(missed)
            return None
