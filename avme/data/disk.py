"""The disk of a folder: how much room it has, and what is said when it has none."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avme.errors import MachineError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what the system says of a file below `folder` into MachineError, in one line."""
    try:
        yield
    except OSError as error:
        raise MachineError(_sentence(error, folder)) from error


def free_bytes(folder: Path) -> int:
    """Room for files in `folder`, which need not exist yet; quotas are not seen."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def readable(num_bytes: int | float) -> str:
    """12 kB, 3.4 MB, 56.0 GB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def _sentence(error: OSError, folder: Path) -> str:
    if error.errno in _FULL:
        why = os.strerror(error.errno or 0).lower()
        return (
            f"the disk of {folder} is full ({why}, {readable(free_bytes(folder))} free): finished "
            "shards are kept; make room and run the same command again"
        )
    said = os.strerror(error.errno) if error.errno else str(error)
    where = f" {error.filename}" if error.filename else ""
    return (
        f"{folder} cannot be written ({said}{where}): finished shards are kept; mend it and run "
        "the same command again"
    )
