"""Free-space checks, and OSError as SystemRequirementError."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avme.errors import SystemRequirementError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a full disk, an exhausted quota and a limit on the size of files."""

_CHUNK_BYTES = 1 << 20


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Convert an OSError of a file below `folder` to a SystemRequirementError of one line."""
    try:
        yield
    except OSError as error:
        raise SystemRequirementError(_sentence(error, folder)) from error


def free_bytes(folder: Path) -> int:
    """Return the free bytes for `folder`, which need not exist; quotas are not seen."""
    return shutil.disk_usage(_existing(folder)).free


def try_write(folder: Path, num_bytes: int) -> None:
    """Write that many zeros to an unnamed file in `folder`, or in its nearest existing parent.

    Unlike `free_bytes`, this respects quotas, limits and permissions.

    Raises:
        SystemRequirementError: The bytes cannot be written.
    """
    there = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            for begin in range(0, num_bytes, _CHUNK_BYTES):
                file.write(bytes(min(_CHUNK_BYTES, num_bytes - begin)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = os.strerror(error.errno or errno.EIO)
        needs = f"{readable(num_bytes)} are needed, {readable(free_bytes(there))} free"
        what = f"make room ({needs})" if error.errno in FULL else "correct it"
        raise SystemRequirementError(
            f"{folder} cannot be written ({why}): {what}, or name another folder with --out"
        ) from error


def readable(num_bytes: int | float) -> str:
    """Format a size: 12 kB, 3.4 MB, 56.0 GB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    there = folder.absolute()
    while not os.path.exists(there):
        there = there.parent
    return there


def _sentence(error: OSError, folder: Path) -> str:
    if error.errno in FULL:
        why = os.strerror(error.errno or 0).lower()
        return (
            f"the disk of {folder} is full ({why}, {readable(free_bytes(folder))} free): finished "
            "shards are kept; make room and run the same command again"
        )
    is_path = isinstance(error.filename, str | bytes)
    failed = os.fsdecode(error.filename) if is_path else folder
    return (
        f"{failed}: {error.strerror or error}. Finished shards are kept: fix it and run the same "
        "command again"
    )
