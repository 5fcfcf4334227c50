"""Rank of this process in a distributed run, and its error file for the launcher."""

import os
import time
from contextlib import suppress
from pathlib import Path

from avme.errors import AvmeError

from .early_error import FAILURES


class RankFailed(AvmeError):
    """A rank of a distributed run failed; has its error line and exit code."""

    def __init__(
        self,
        message: str,
        exit_code: int,
        *,
        rank: int | None = None,
        was_killed: bool = False,
    ) -> None:
        super().__init__(message)
        self.exit_code, self.rank, self.was_killed = exit_code, rank, was_killed


def rank() -> int:
    """Return the rank of this process; 0 without a distributed run."""
    number = os.environ.get("RANK", "0")
    return int(number) if number.isdigit() else 0


def ranks_here() -> int:
    """Return the number of ranks on this machine; 1 without a distributed run."""
    number = os.environ.get("LOCAL_WORLD_SIZE", "1") if "RANK" in os.environ else "1"
    return int(number) if number.isdigit() and int(number) > 0 else 1


def join_launcher() -> None:
    """Record the id of this process, which leads its session, for the launcher."""
    folder = os.environ.get(FAILURES)
    if folder is not None and "RANK" in os.environ:
        with suppress(OSError):
            (Path(folder) / f"{rank()}.pid").write_text(str(os.getpid()), encoding="ascii")


def write_failure(line: str, exit_code: int, *, is_echo: bool = False) -> bool:
    """Write the error for the launcher; return False without one.

    Args:
        line: Error line.
        exit_code: Exit code.
        is_echo: True if the error only reports the loss of another rank.
    """
    folder = os.environ.get(FAILURES)
    if folder is None or "RANK" not in os.environ:
        return False
    import json

    failure = {"line": line, "exit_code": exit_code, "is_echo": is_echo}
    said = {"time": time.time(), "rank": rank(), **failure}
    temporary = Path(folder) / f"{rank()}.tmp"
    try:
        temporary.write_text(json.dumps(said), encoding="utf-8")
        temporary.rename(temporary.with_suffix(".json"))
    except OSError:  # the disk of TMPDIR is full, or the launcher is gone
        return False
    return True
