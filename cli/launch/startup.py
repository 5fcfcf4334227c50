"""Start of every command: log level, rank, number of threads and progress reporter."""

import logging
import os
from contextlib import redirect_stdout
from io import StringIO
from typing import Final

import typer

from avme.system.cpu_count import limit_threads
from avme.train.distributed.torchrun_env import require_whole_group

from ..slurm.env import join_step
from ..terminal.progress import reporter
from .rank import join_launcher, rank, ranks_here

_DISTRIBUTED: Final = ("pretrain", "finetune", "eval")


def start(ctx: typer.Context, *, verbose: bool, quiet: bool) -> None:
    """Prepare this process for the invoked command; `ctx.obj` becomes the progress reporter.

    Called before torch is imported, as the number of its threads is fixed then. Only rank 0 writes
    to standard output.

    Args:
        ctx: Context of `avme`, which closes with the command.
        verbose: Log messages of level INFO.
        quiet: Report no progress.

    Raises:
        UsageError: The variables of a process group are incomplete or contradictory.
    """
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if ctx.invoked_subcommand in _DISTRIBUTED:
        join_step()
        require_whole_group(os.environ)
        join_launcher()
    limit_threads(ranks_here())
    if rank() > 0:
        ctx.with_resource(redirect_stdout(StringIO()))
    ctx.obj = reporter(quiet)
