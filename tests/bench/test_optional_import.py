"""Reasons why an optional library is unavailable."""

import pytest

from avme.bench.optional_import import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'av'", name="av"), "not installed"),
        (ModuleNotFoundError("No module named 'av.x'", name="av.x"), "not installed"),
        (
            ModuleNotFoundError("No module named 'PIL'", name="PIL"),
            "cannot be loaded (No module named 'PIL')",
        ),
        (OSError("libc.so: cannot open. Try again."), "cannot be loaded (libc.so: cannot open)"),
        (RuntimeError("\n  first:\n  second"), "cannot be loaded (first)"),
        (ImportError(""), "cannot be loaded (ImportError)"),
    ],
)
def test_reason_of_error_is_its_first_clause(error: Exception, reason: str) -> None:
    assert reason_of(error, "av") == reason


def test_reason_of_long_message_has_at_most_80_characters() -> None:
    reason = reason_of(RuntimeError("x" * 81), "av")

    assert reason == f"cannot be loaded ({'x' * 77}...)"
    assert reason_of(RuntimeError("x" * 80), "av") == f"cannot be loaded ({'x' * 80})"
