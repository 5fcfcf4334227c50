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

from avme.errors import AvmeError, MachineError
from avme.prep import progress_file
from avme.prep.write_shard import ShardDone, ShardTask, pack
from avme.progress import Reporter
from avme.workers.pool import Crew

_DEATHS_OF_A_SHARD_ELSEWHERE = 3


def run_tasks(
    tasks: Iterable[ShardTask], crew: Crew, report: Reporter, *, total: int, done: int
) -> Iterator[ShardDone]:
    """Runs all tasks and yields each when its shard is on the disk.

    `total` and `done` count the clips of all shards and of those that were there before. Raises
    MachineError where a shard cannot be made, and AvmeError where workers die over and over.
    """
    work = _Work(tasks, crew, report)
    shown = 0
    while work.is_left():
        if work.has_no_workers:
            work.wait_for_workers()
        with report.task("prepare", total=total, done=done + shown) as progress:
            while work.is_left() and not work.has_no_workers:
                yield from work.finish()
                counted = work.counted()
                progress.advance(max(0, counted - shown))
                shown = max(shown, counted)


class _Work:
    """The tasks that wait, and those in work."""

    def __init__(self, tasks: Iterable[ShardTask], crew: Crew, report: Reporter) -> None:
        self._waiting, self._crew, self._report = iter(tasks), crew, report
        self._pending: dict[Future[ShardDone], ShardTask] = {}
        self._suspects: list[ShardTask] = []
        self._alone: Future[ShardDone] | None = None
        self._deaths = _Deaths(report)
        self._finished = self._counted = 0
        self.has_no_workers = False

    def is_left(self) -> bool:
        """Hands over what can be, and returns whether there is anything to wait for."""
        pending, submit = self._pending, self._crew.executor.submit
        for task in islice(self._waiting, self._crew.in_flight - len(pending)):
            pending[submit(pack, task)] = task
        if not pending and self._suspects:
            task = self._suspects.pop()
            self._alone = submit(pack, task)
            pending[self._alone] = task
        return bool(pending)

    def finish(self) -> Iterator[ShardDone]:
        """Waits a little, and yields the shards that are on the disk now."""
        ready = self._wait()
        for future in ready:
            task = self._pending.pop(future)
            try:
                shard = future.result()
            except self._crew.deaths:
                self._suspects.append(self._deaths.begin_again(task, future is self._alone))
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
            self._finished += len(task.clips)
            yield shard
        before, self._counted = self._counted, self.counted()
        if self._crew.workers is not None:
            is_moving = bool(ready) or self._counted != before
            self.has_no_workers = self._crew.workers.are_gone(is_moving=is_moving)

    def counted(self) -> int:
        """Clips that are done, those of shards in work included."""
        marks = (progress_file.read(task.work, task.name) for task in self._pending.values())
        return self._finished + sum(mark.done for mark in marks if mark)

    def wait_for_workers(self) -> None:
        """Returns when there are some again; raises MachineError if none comes in time."""
        if self._crew.workers is not None:
            self._crew.workers.wait(self._report, lambda: bool(self._wait()))
        self.has_no_workers = False

    def _wait(self) -> set[Future[ShardDone]]:
        poll_seconds = self._crew.poll_seconds
        return wait(self._pending, timeout=poll_seconds, return_when=FIRST_COMPLETED).done


class _Deaths:
    """Decides what to do with a shard whose worker died."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._elsewhere: Counter[str] = Counter()

    def begin_again(self, task: ShardTask, alone: bool) -> ShardTask:
        """The task once more, without a clip that a worker died on with nothing else at work."""
        mark = progress_file.read(task.work, task.name)
        progress_file.remove(task.work, task.name)
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
