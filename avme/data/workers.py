"""Shard tasks to processes, with a count of finished clips and no orphans.

Workers are spawned, not forked, and end when their parent does, however it ends.
"""

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import RawArray
from typing import Any

from avme.data.pack import ShardDone, ShardTask, pack
from avme.errors import AvmeError, MachineError
from avme.media.aside import end_with_parent
from avme.report import Task

_POLL_SECONDS = 0.2

_finished_clips: Any = None
"""One slot per task, written by the task's worker alone: no lock that a dead worker could hold."""


def run_tasks(tasks: Sequence[ShardTask], num_workers: int, progress: Task) -> Iterator[ShardDone]:
    """Runs all tasks, yields each when its shard is on the disk, and advances `progress`."""
    context = multiprocessing.get_context("spawn")
    counts = RawArray("l", len(tasks))
    pool = ProcessPoolExecutor(
        max_workers=min(num_workers, len(tasks)),
        mp_context=context,
        initializer=_start_worker,
        initargs=(counts,),
    )
    shown = 0
    pending: set[Future[ShardDone]] = set()
    try:
        pending = {pool.submit(_run, slot, task) for slot, task in enumerate(tasks)}
        while pending:
            done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            finished = sum(counts)
            progress.advance(finished - shown)
            shown = finished
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise AvmeError(
            "a worker died (out of memory, or a broken decoder): finished shards are kept, the "
            "same command goes on; fewer workers need less memory"
        ) from error
    except OSError as error:
        raise MachineError(
            f"a shard cannot be written ({error}): finished shards are kept, mend it and run again"
        ) from error
    finally:
        if pending:
            _stop(pool)
        pool.shutdown(wait=True, cancel_futures=True)


def _run(slot: int, task: ShardTask) -> ShardDone:
    def count(finished: int) -> None:
        _finished_clips[slot] = finished

    return pack(task, count)


def _start_worker(counts: Any) -> None:
    global _finished_clips
    _finished_clips = counts
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends workers in the middle of their shard, which is thereby not there."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
