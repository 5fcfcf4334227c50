"""Error line of a training command that a signal ended before its run folder was opened.

The command line may not be imported yet, and the main thread may be blocked: the line is written by
one system call, once for all ranks of a run.
"""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from avme.train.distributed.early_stop import StoppedEarly


FAILURES: Final = "AVME_FAILURES"
"""Environment variable with the folder for the error files of child processes."""


def print_early_error(error: "StoppedEarly") -> None:
    """Print the error, or leave that to the launcher if there is one."""
    line = f"error: {error}"
    write = getattr(sys.modules.get("avme_cli.launch.rank"), "write_failure", None)
    if write is not None and write(line, error.exit_code):
        return
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))
    if rank == "0" and FAILURES not in os.environ:
        with suppress(OSError):  # no reader; the exit code says it too
            os.write(2, f"{line}\n".encode())
