"""What is broken in a prepared set, in one line, and which file must go so that prep mends it."""

from dataclasses import dataclass

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    where: str
    """A file below the set's folder, or a clip in one."""
    what: str
    """What was found and what was expected."""
    delete: str
    """File below the set's folder that `avme prep` makes anew once it is gone; empty for none."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def short(sha256: object) -> str:
    """The beginning of a hash: enough to compare by eye."""
    return str(sha256)[:_SHOWN_DIGITS]
