"""End of a process without the teardown of its modules, which takes half a second with torch."""

import atexit
import os
import sys
import threading
from collections.abc import Callable


def run_then_exit(run: Callable[[], None]) -> None:
    """Run a command and end the process at once if it imported torch.

    Threads are waited for, exit handlers run and both streams are written, as without it. A stream
    that cannot be written is left to Python's own end.
    """
    code: int | str = 0
    try:
        run()
    except SystemExit as ended:
        code = ended.code or 0
    if "torch" not in sys.modules or not isinstance(code, int):
        sys.exit(code)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # such as a pipe whose reader has gone
        sys.exit(code)
    os._exit(code)
