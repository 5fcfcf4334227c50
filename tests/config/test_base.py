"""Base class of settings: unknown keys, booleans and changes are refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from avme.config.base import Settings


class Example(Settings):
    """Settings of each kind."""

    count: int = 1
    share: float = 0.5
    limits: tuple[float, ...] = ()
    choice: int | None = None
    is_fast: bool = False
    switch: bool | None = None


@pytest.mark.parametrize(
    "values", [{"count": True}, {"share": False}, {"limits": [1.0, True]}, {"choice": True}]
)
def test_settings_with_boolean_for_a_number_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="expected no truth value"):
        Example.model_validate(values)


def test_settings_with_boolean_for_a_boolean_are_accepted() -> None:
    found = Example.model_validate({"is_fast": True, "switch": False, "choice": 3})

    assert (found.is_fast, found.switch, found.choice) == (True, False, 3)


@pytest.mark.parametrize(
    "values", [{"cuont": 1}, {"share": float("nan")}, {"share": float("inf")}, {"count": None}]
)
def test_settings_with_unknown_key_or_no_number_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate(values)


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Example().count = 2
