"""torch DataLoaders over clips: the same batches whatever the number of worker processes."""

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from avme.batch import AVBatch
from avme.cores import available_cores
from avme.data.clips import join

_MOST_WORKERS = 8
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGUSR1}
"""Often sent to all processes at once, but meant for the loop, which needs its workers."""


def build_loader(
    clips: Dataset[AVBatch],
    batches: Sampler[list[Any]] | Sequence[list[Any]],
    *,
    workers: int | None,
    pin: bool,
    local_world: int = 1,
) -> DataLoader[AVBatch]:
    """A loader of joined batches; `batches` lists what goes into each.

    Workers are forked from a server process that has imported what they need, never from one that
    runs torch's threads; they stay for the next pass.
    """
    count = default_workers(local_world) if workers is None else workers
    extra: dict[str, Any] = {}
    if count:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["avme.data.loader"])
        _start_server()
        extra = {
            "multiprocessing_context": context,
            "prefetch_factor": 4,
            "persistent_workers": True,
            "worker_init_fn": _end_with_parent,
        }
    return DataLoader(
        clips, batch_sampler=batches, num_workers=count, collate_fn=join, pin_memory=pin, **extra
    )


def default_workers(local_world: int) -> int:
    """Cores that are left to a process of this machine after its own, at most 8."""
    return max(0, min(_MOST_WORKERS, available_cores() // local_world - 1))


def _start_server() -> None:
    """Starts what workers are forked from, deaf to the stop signals, as its children then are.

    Masked and not ignored: what comes meanwhile reaches this process afterwards, and a mask
    outlasts the handler that torch gives its workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        resource_tracker.ensure_running()  # which unmasks SIGTERM when it starts
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent(_: int) -> None:
    """In a worker: ends it when the process that asked for it is gone, even by SIGKILL.

    torch looks after the parent by its number only, which is the server's, and the server lives as
    long as a worker does.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="avme-parent", daemon=True).start()


@atexit.register  # after multiprocessing's own, so that it runs before: that one sends SIGTERM
def _end_workers() -> None:
    """Ends workers that torch could not, or did not, bring to an end; they do not hear SIGTERM."""
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()
