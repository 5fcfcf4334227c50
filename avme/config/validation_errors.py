"""What is wrong with settings, as a sentence each: the key, what was found and what is expected."""

from collections.abc import Mapping
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

_SHORT = Repr()
"""Shows of what a file holds no more than a line has room for."""
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def describe_first_fault(error: ValidationError) -> str:
    """Return a sentence on the first fault; the others often follow from it."""
    return describe_fault(error.errors()[0], {})


def describe_fault(error: Any, origins: Mapping[str, str]) -> str:
    """Format one of the `errors()` of a ValidationError; `origins` has the source of each value."""
    key = ".".join(part for part in error["loc"] if isinstance(part, str))
    message = error["msg"]
    if error["type"] == "value_error":
        reason = message.removeprefix("Value error, ")
        return f"{key}: {reason}" if key else reason
    expected = message.removeprefix("Input should be ").removeprefix("a valid ")
    if error["type"] in ("missing", "too_short"):
        expected = "more values"
    elif error["type"].endswith("too_long"):
        things = "characters" if error["type"].startswith("string") else "values"
        expected = f"at most {error['ctx']['max_length']} {things}"
    origin = f" (from {origins[key]})" if key in origins else ""
    return f"{key}: found {_SHORT.repr(error['input'])}, expected {expected}{origin}"
