"""Shard tasks to a crew, with a count of finished clips.

A worker that dies costs at most the clip that it died on: the shard is begun again, and when a
second worker dies on the same clip, that clip is given up and named.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace

from avme.data import marker
from avme.data.executors import Crew
from avme.data.pack import ShardDone, ShardTask, pack
from avme.errors import AvmeError, MachineError
from avme.report import Reporter

_DEATHS_OF_A_CLIP = 2
_DEATHS_OF_A_SHARD_ELSEWHERE = 3

_Pending = dict[Future[ShardDone], ShardTask]


def run_tasks(
    tasks: Sequence[ShardTask], crew: Crew, report: Reporter, *, total: int, done: int
) -> Iterator[ShardDone]:
    """Runs all tasks and yields each when its shard is on the disk.

    `total` and `done` count the clips of all shards and of those that were there before. Raises
    MachineError where a shard cannot be written, and AvmeError where workers die over and over.
    """
    waiting = list(reversed(tasks))
    pending: _Pending = {}
    deaths = _Deaths(report)
    with report.task("prepare", total=total, done=done) as progress:
        finished, shown = 0, 0
        while waiting or pending:
            while waiting and len(pending) < crew.in_flight:
                task = waiting.pop()
                pending[crew.executor.submit(pack, task)] = task
            ready, _ = wait(pending, timeout=crew.poll_seconds, return_when=FIRST_COMPLETED)
            for future in ready:
                task = pending.pop(future)
                try:
                    shard = future.result()
                except crew.deaths:
                    waiting.append(deaths.begin_again(task))
                    continue
                except OSError as error:
                    raise MachineError(
                        f"a shard cannot be written ({error}): finished shards are kept, mend it "
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
    """Remembers on which clips workers died."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._on_clip: Counter[str] = Counter()
        self._elsewhere: Counter[str] = Counter()

    def begin_again(self, task: ShardTask) -> ShardTask:
        """The task once more, without a clip that two workers died on."""
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
        self._on_clip[clip] += 1
        if self._on_clip[clip] < _DEATHS_OF_A_CLIP:
            self._report.say(f"a worker died on {clip}: trying its shard {task.name} again")
            return task
        return replace(task, given_up=(*task.given_up, clip))
