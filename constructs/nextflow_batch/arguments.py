"""Checks what a construct is called with, and says in one line what is wrong.

The rules of the settings are these too: a settings file's values are the constructs' arguments.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import core_schema

from nextflow_batch.problem import ConflictError, Problem, problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


class ArgumentsError(ValueError):
    """Arguments that a construct cannot work with; a line for each thing to mend."""

    def __init__(self, owner: str, problems: Iterable[Problem]) -> None:
        super().__init__("\n".join(f"{owner}: {entry.key}: {entry.text}" for entry in problems))


class Arguments(BaseModel):
    """Values that belong together; frozen, and checked when they are made.

    Fields name their default, `Field(default=100)`: type checkers without pydantic's plugin take an
    argument for required otherwise.
    https://typing.python.org/en/latest/spec/dataclasses.html#field-specifier-parameters
    """

    #: Former names of values, with the present ones; a message then names the present one.
    RENAMED: ClassVar[Mapping[str, str]] = {}
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    if not TYPE_CHECKING:  # type checkers know the arguments by the fields

        def __init__(self, /, **values: Any) -> None:
            """Check the values.

            Raises:
                ArgumentsError: One of them is not allowed.
            """
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ArgumentsError(type(self).__name__, problems(error, type(self))) from None

        # Tells pydantic that inside other models it need not call the constructor.
        __init__.__pydantic_base_init__ = True

    def model_post_init(self, _context: object) -> None:
        """Refuse what does not go together."""
        if result := list(self.conflicts()):
            raise ConflictError(*result)

    def conflicts(self) -> Iterable[Problem]:
        """What does not go together, although each value is allowed."""
        return ()


class Like:
    """Annotates text that must match a pattern; messages show what is allowed in words."""

    def __init__(self, pattern: str, allowed: str, error: type[ValueError] = ValueError) -> None:
        self._pattern = pattern
        self._allowed = allowed
        self._error = error

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # Editors show the second: https://code.visualstudio.com/docs/languages/json
        return handler(schema) | {
            "pattern": f"^(?:{self._pattern})$",
            "patternErrorMessage": f"must be {self._allowed}",
        }

    def _check(self, text: str) -> str:
        if not re.fullmatch(self._pattern, text):
            raise self._error(f"must be {self._allowed}")
        return text


def check(owner: str, **arguments: tuple[Any, object]) -> None:
    """Check single arguments.

    Args:
        owner: The construct that they are for.
        arguments: By name, its type, annotated with its rules, and its value. Text with a token of
            the CDK is taken for good.

    Raises:
        ArgumentsError: One of them is not allowed.
    """
    result: list[Problem] = []
    for name, (kind, value) in arguments.items():
        if isinstance(value, str) and "${Token[" in value:
            continue
        try:
            TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError as error:
            result += [problem.below(name) for problem in problems(error)]
    refuse(owner, result)


def refuse(owner: str, faults: Iterable[Problem]) -> None:
    """Raise ArgumentsError if there is any problem."""
    if listed := list(faults):
        raise ArgumentsError(owner, listed)
