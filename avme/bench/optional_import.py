"""Reasons why an optional library is unavailable: not installed, or not loadable.

Some load their own libraries on the first call only (torchcodec 0.17), and report all attempts in
one message of thousands of characters.
"""

from typing import Final

LOADING_ERRORS: Final = (ImportError, OSError, RuntimeError)
"""Errors of packages whose shared libraries are missing or do not fit."""
_MOST_CHARACTERS: Final = 80


def reason_of(error: Exception, package: str) -> str:
    """Return the reason why `package` is unavailable, in a short clause."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == package:
        return "not installed"
    lines = str(error).split("\n")
    first = next((line.strip() for line in lines if line.strip()), type(error).__name__)
    clause = first.split(". ")[0].rstrip(".:")
    if len(clause) > _MOST_CHARACTERS:
        clause = f"{clause[: _MOST_CHARACTERS - 3]}..."
    return f"cannot be loaded ({clause})"
