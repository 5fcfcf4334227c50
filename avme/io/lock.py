"""Lock files: one process at a time in a folder.

The system releases the lock when its holder ends, by any cause: no stale lock has to be deleted. On
a file system without such locks, concurrent processes are not excluded.
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
"""Error numbers of file systems without locks."""
_LOOK_SECONDS = 0.1
_LEAST_LOOKS = 4
"""Minimum number of attempts; `is_held` takes the lock briefly while probing."""


@contextmanager
def holding(
    folder: Path,
    name: str = "prep",
    *,
    shared: bool = False,
    patience_seconds: float = 0.0,
    command: str = "avme prep",
) -> Iterator[None]:
    """Hold the lock `name` in `folder`, which is created if needed, during the block.

    Shared holders exclude exclusive ones only; locks of other names are independent.

    Args:
        folder: Folder that is locked.
        name: Name of the lock.
        shared: Allow other shared holders.
        patience_seconds: Time to wait for another holder.
        command: Holder named in messages.

    Raises:
        UsageError: Another process holds it after the waiting time.
        ArtifactError: A symlink or a pipe is in place of the lock file.
        OSError: The folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = lock_path(folder, name)
    # Count attempts, not seconds: a suspended process has not waited.
    looks = max(math.ceil(patience_seconds / _LOOK_SECONDS), _LEAST_LOOKS)
    handle = _taken(path, name, command, shared, looks)
    try:
        yield
    finally:
        # Delete before release, while no other process can hold it. If the folder was deleted
        # meanwhile, the file may belong to another process.
        if not shared and _is_still(path, handle):
            path.unlink(missing_ok=True)
        os.close(handle)


def lock_path(folder: Path, name: str) -> Path:
    """Return the path of the lock file, which may exist without being held."""
    return folder / f".{name}.lock"


def is_held(folder: Path, name: str) -> bool:
    """Return True if a living process holds `name`, on any machine that shares the locks."""
    try:
        handle = open_unlinked(lock_path(folder, name), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks, where no process counts as dead
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
                f"another `{command}` is running on {path.parent} ({name}): wait until it ends, or "
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
    """Return True unless the former holder deleted the file while this process waited."""
    try:
        # Reopen: over a network, attributes of a path may be cached.
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
