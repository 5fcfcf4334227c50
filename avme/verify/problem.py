"""Verification error: one line, and the file to delete so that `prep` rebuilds it."""

from dataclasses import dataclass

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """One deviation from the expected content."""

    where: str
    """File below the dataset's folder, or a clip in one."""
    what: str
    """Found and expected values."""
    delete: str
    """File below the dataset's folder that `avme prep` rebuilds once it is deleted; empty for none.
    """

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def short_hash(sha256: object) -> str:
    """Return the first characters of a hash, enough to compare by eye."""
    return str(sha256)[:_SHOWN_DIGITS]
