"""One process at a time in a folder.

The system lets go of the lock when its holder ends, however it ends: nothing is left behind that
anybody must delete. Where a file system knows no such locks, nobody is kept out.
"""

import errno
import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avme.errors import UsageError
from avme.io.symlinks import open_unlinked

_UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system says that knows no locks."""
_LOOK_SECONDS = 0.1
_LEAST_LOOKS = 4
"""Who only looks whether a lock is held, holds it for less than the time between them."""


@contextmanager
def holding(
    folder: Path,
    name: str = "prep",
    *,
    shared: bool = False,
    patience_seconds: float = 0.0,
    command: str = "avme prep",
) -> Iterator[None]:
    """Holds `name` in `folder`, which is made, for the length of the block.

    Holders that share it disturb nobody but one who does not, and other names nobody at all.
    `command` is what holds it, for messages.
    Raises UsageError if another process still holds it when the patience is over, ArtifactError if
    a link or a pipe is in its place, and OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = lock_path(folder, name)
    # Counted in looks, not by the clock: who was suspended has not been patient.
    looks = max(math.ceil(patience_seconds / _LOOK_SECONDS), _LEAST_LOOKS)
    handle = _taken(path, name, command, shared, looks)
    try:
        yield
    finally:
        # Before it is let go: nobody else can hold it now. Unless somebody deleted the folder
        # meanwhile: the file that is there now may be another's.
        if not shared and _is_still(path, handle):
            path.unlink(missing_ok=True)
        os.close(handle)


def lock_path(folder: Path, name: str) -> Path:
    """The file that stands for the lock; it may be there without being held."""
    return folder / f".{name}.lock"


def is_held(folder: Path, name: str) -> bool:
    """Whether a living process holds `name`, on any machine whose locks reach this one."""
    try:
        handle = open_unlinked(lock_path(folder, name), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system that knows no locks: nobody is called dead there
        return True
    finally:
        os.close(handle)
    return False


def _taken(path: Path, name: str, command: str, shared: bool, looks: int) -> int:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        handle = open_unlinked(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            looks -= 1
            if looks > 0:
                time.sleep(_LOOK_SECONDS)
                continue
            raise UsageError(
                f"another `{command}` is at work on {path.parent} ({name}): wait until it ends, or "
                "choose another folder with --out or --name"
            ) from None
        except OSError as error:
            if error.errno not in _UNKNOWN | {errno.ESTALE}:
                os.close(handle)
                raise
        if _is_still(path, handle):
            return handle
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the file was not deleted by its former holder while we waited for it."""
    try:
        # Opened anew, as what is told of a path without that may be old news over a network.
        named = open_unlinked(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return os.path.samestat(os.fstat(named), os.fstat(handle))
    except OSError as error:
        if error.errno != errno.ESTALE:  # deleted on another machine
            raise
        return False
    finally:
        os.close(named)
