"""Strict base class of all settings: an unknown key is an error, never ignored.

The text under a field is its documentation, printed by `avme config show`. Settings files are
untrusted: every number, text and list has both bounds, and booleans are not numbers.
"""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, field_validator

Name = Annotated[str, Field(max_length=255)]
"""Name of a file, a partition or an account."""


class Settings(BaseModel):
    """Immutable settings that refuse unknown keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: Any) -> Any:
        """Refuse booleans for numbers, which pydantic would convert to 0 and 1."""
        among = value if isinstance(value, list | tuple) else (value,)
        found = next((one for one in among if isinstance(one, bool)), None)
        if found is not None and not _takes_bool(cls.model_fields[info.field_name].annotation):
            raise ValueError(f"found {str(found).lower()}, expected no truth value")
        return value


def _takes_bool(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(map(_takes_bool, get_args(annotation)))
    return annotation is bool
