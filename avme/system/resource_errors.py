"""What the machine, or a limit on this process, has run out of: memory, processes, open files.

No file is to blame for it, and the same command works where a limit is raised.
"""

import errno
import re
from typing import Final

_MEMORY: Final = re.compile(r"DefaultCPUAllocator|not enough memory|Cannot allocate memory", re.I)
_FILES: Final = re.compile(r"Too many open files")
_THREADS: Final = re.compile(r"can't start new thread|Resource temporarily unavailable")


def shortage(error: BaseException) -> str | None:
    """Return one line with what to do, or None where `error` says something else."""
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
