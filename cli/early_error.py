"""The line of a training command that a signal ended before it had opened a run.

Nothing of the command line may be there yet, and the main thread may be busy: it is printed by one
system call, once for all processes of a run.
"""

import os
import sys
from contextlib import suppress
from typing import Final

from avme.train.distributed.early_stop import StoppedEarly

FAILURES: Final = "AVME_FAILURES"
"""Environment variable: the folder into which a child of ours writes why it failed."""


def print_early_error(error: StoppedEarly) -> None:
    """Print the error; a process of a launcher of ours leaves it to its parent."""
    line = f"error: {error}"
    leave = getattr(sys.modules.get("avme_cli.torchrun"), "leave_failure", None)
    if leave is not None and leave(line, error.exit_code):
        return
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))
    if rank == "0" and FAILURES not in os.environ:
        with suppress(OSError):  # nobody reads it, and the exit code says it too
            os.write(2, f"{line}\n".encode())
