"""The error that ends the app: bad input, or a machine that cannot build what is deployed."""

from __future__ import annotations


class SettingsError(Exception):
    """A settings file that cannot be used; its text is one line for each thing to mend.

    Attributes:
        line: Where in the file, from 1, while its text does not say so yet.
    """

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line
