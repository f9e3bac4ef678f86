"""Which key encrypts what a deployment keeps: none, a new one, or an existing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import core_schema

from nextflow_batch.names import KeyArn

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

_ARN: TypeAdapter[str] = TypeAdapter(KeyArn)
_ARN_SCHEMA = _ARN.json_schema()
_ALLOWED = _ARN_SCHEMA["patternErrorMessage"].replace("must be ", "must be true, false or ")


class _BooleanOrArn:
    """Refuses with one message what is neither; a union of types has one for each."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return _ARN_SCHEMA | {"type": ["boolean", "string"], "patternErrorMessage": _ALLOWED}

    def _check(self, value: object) -> bool | str:
        if isinstance(value, bool):
            return value
        try:
            return _ARN.validate_python(value, strict=True)
        except ValidationError:
            raise ValueError(_ALLOWED) from None


CustomerKey = Annotated[bool | str, _BooleanOrArn()]
