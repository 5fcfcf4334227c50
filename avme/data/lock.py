"""One process at a time in a folder.

The system lets go of the lock when its holder ends, however it ends: nothing is left behind that
anybody must delete. Where a file system knows no such locks, nobody is kept out.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avme.errors import UsageError

_UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system says that knows no locks."""


@contextmanager
def holding(folder: Path, name: str = "prep") -> Iterator[None]:
    """Holds `name` in `folder`, which is made, for the length of the block.

    Raises UsageError at once if another process holds it, and OSError if the folder cannot be
    written. Other names do not disturb each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{name}.lock"
    handle = _taken(path, name)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is let go: nobody else can hold it now
        os.close(handle)


def _taken(path: Path, name: str) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise UsageError(
                f"another `avme {name}` is at work on {path.parent}: wait until it ends, or choose "
                "another folder with --out or --name"
            ) from None
        except OSError as error:
            if error.errno not in _UNKNOWN:
                os.close(handle)
                raise
        if _is_still(path, handle):
            return handle
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the file was not deleted by its former holder while we waited for it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
