"""Shard tasks to a crew, with a count of finished clips.

A worker that dies costs at most the clip that it died on. Its shard is begun again in the end, with
nothing else at work that could be to blame; if a worker dies then too, the clip that it was at is
given up and named.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import replace
from itertools import islice

from avme.data import marker
from avme.data.executors import Crew
from avme.data.pack import ShardDone, ShardTask, pack
from avme.errors import AvmeError, MachineError
from avme.report import Reporter

_DEATHS_OF_A_SHARD_ELSEWHERE = 3

_Pending = dict[Future[ShardDone], ShardTask]


def run_tasks(
    tasks: Iterable[ShardTask], crew: Crew, report: Reporter, *, total: int, done: int
) -> Iterator[ShardDone]:
    """Runs all tasks and yields each when its shard is on the disk.

    `total` and `done` count the clips of all shards and of those that were there before. Raises
    MachineError where a shard cannot be made, and AvmeError where workers die over and over.
    """
    waiting = iter(tasks)
    pending: _Pending = {}
    suspects: list[ShardTask] = []
    alone: Future[ShardDone] | None = None
    deaths = _Deaths(report)
    with report.task("prepare", total=total, done=done) as progress:
        finished, shown = 0, 0
        while True:
            for task in islice(waiting, crew.in_flight - len(pending)):
                pending[crew.executor.submit(pack, task)] = task
            if not pending:
                if not suspects:
                    break
                task = suspects.pop()
                alone = crew.executor.submit(pack, task)
                pending[alone] = task
            ready, _ = wait(pending, timeout=crew.poll_seconds, return_when=FIRST_COMPLETED)
            for future in ready:
                task = pending.pop(future)
                try:
                    shard = future.result()
                except crew.deaths:
                    suspects.append(deaths.begin_again(task, future is alone))
                    continue
                except CancelledError as error:
                    raise MachineError(
                        "whoever did the work is gone (a Dask scheduler that ended?): finished "
                        "shards are kept, run the same command again"
                    ) from error
                except OSError as error:
                    raise MachineError(
                        f"{task.name} cannot be made ({error}): finished shards are kept, mend it "
                        "and run again"
                    ) from error
                finished += len(task.clips)
                yield shard
            counted = finished + _in_work(pending)
            progress.advance(max(0, counted - shown))
            shown = max(shown, counted)


def _in_work(pending: _Pending) -> int:
    marks = (marker.read(task.work, task.name) for task in pending.values())
    return sum(mark.done for mark in marks if mark)


class _Deaths:
    """Decides what to do with a shard whose worker died."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._elsewhere: Counter[str] = Counter()

    def begin_again(self, task: ShardTask, alone: bool) -> ShardTask:
        """The task once more, without a clip that a worker died on with nothing else at work."""
        mark = marker.read(task.work, task.name)
        marker.remove(task.work, task.name)
        clip = mark.clip if mark else None
        if clip is None:
            self._elsewhere[task.name] += 1
            if self._elsewhere[task.name] == _DEATHS_OF_A_SHARD_ELSEWHERE:
                raise AvmeError(
                    f"{_DEATHS_OF_A_SHARD_ELSEWHERE} workers died over {task.name}, on none of its "
                    "clips (out of memory?): finished shards are kept; run again with fewer workers"
                )
            return task
        if not alone:
            self._report.say(f"a worker died on {clip}: its shard {task.name} is tried again")
            return task
        return replace(task, given_up=(*task.given_up, clip))
