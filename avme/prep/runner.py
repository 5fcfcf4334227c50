"""Execution of shard tasks, with a count of finished clips.

A worker that dies costs at most the clip it was decoding. Its shard is retried at the end, with no
other task running; if a worker dies again, the clip in progress is quarantined.
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
    """Run all tasks; yield each when its shard is on disk.

    Args:
        tasks: Shards to build.
        crew: Executor.
        report: Receives progress.
        total: Clips of all shards.
        done: Clips of shards that existed before.

    Raises:
        MachineError: A shard cannot be built.
        AvmeError: Workers die repeatedly.
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
    """Waiting and running tasks."""

    def __init__(self, tasks: Iterable[ShardTask], crew: Crew, report: Reporter) -> None:
        self._waiting, self._crew, self._report = iter(tasks), crew, report
        self._pending: dict[Future[ShardDone], ShardTask] = {}
        self._suspects: list[ShardTask] = []
        self._alone: Future[ShardDone] | None = None
        self._deaths = _Deaths(report)
        self._finished = self._counted = 0
        self.has_no_workers = False

    def is_left(self) -> bool:
        """Submit tasks; return True if any are unfinished."""
        pending, submit = self._pending, self._crew.executor.submit
        for task in islice(self._waiting, self._crew.in_flight - len(pending)):
            pending[submit(pack, task)] = task
        if not pending and self._suspects:
            task = self._suspects.pop()
            self._alone = submit(pack, task)
            pending[self._alone] = task
        return bool(pending)

    def finish(self) -> Iterator[ShardDone]:
        """Wait briefly, and yield the tasks that have finished."""
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
        """Return the finished clips, including those of running tasks."""
        marks = (progress_file.read(task.work, task.name) for task in self._pending.values())
        return self._finished + sum(mark.done for mark in marks if mark)

    def wait_for_workers(self) -> None:
        """Wait for workers; raises MachineError if none joins in time."""
        if self._crew.workers is not None:
            self._crew.workers.wait(self._report, lambda: bool(self._wait()))
        self.has_no_workers = False

    def _wait(self) -> set[Future[ShardDone]]:
        poll_seconds = self._crew.poll_seconds
        return wait(self._pending, timeout=poll_seconds, return_when=FIRST_COMPLETED).done


class _Deaths:
    """Policy for shards whose worker died."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._elsewhere: Counter[str] = Counter()

    def begin_again(self, task: ShardTask, alone: bool) -> ShardTask:
        """Return the task to retry, without a clip on which a worker died while running alone."""
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
