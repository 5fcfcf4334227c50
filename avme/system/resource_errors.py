"""Detection of exhausted memory, processes and open files.

The cause is the machine or a limit, not a file: the same command works with a higher limit.
"""

import errno
import re
from typing import Final

_MEMORY: Final = re.compile(r"DefaultCPUAllocator|not enough memory|Cannot allocate memory", re.I)
_FILES: Final = re.compile(r"Too many open files")
_THREADS: Final = re.compile(r"can't start new thread|Resource temporarily unavailable")


def shortage(error: BaseException) -> str | None:
    """Return one line with the cause and the fix, or None for other errors."""
    number = error.errno if isinstance(error, OSError) else None
    text = str(error) if isinstance(error, RuntimeError) else ""
    if isinstance(error, MemoryError) or number == errno.ENOMEM or _MEMORY.search(text):
        return (
            "out of memory: give the job more, raise `ulimit -v` if it is set, or use fewer "
            "--workers or clips at a time"
        )
    if number == errno.EAGAIN or _THREADS.search(text):
        return (
            "no more processes or threads may be started: raise `ulimit -u` or the container's "
            "limit, or use fewer --workers"
        )
    if number in (errno.EMFILE, errno.ENFILE) or _FILES.search(text):
        return "too many open files: raise `ulimit -n`, or use fewer --workers"
    return None
