"""Building of missing shards on an executor, with a count of finished clips.

A worker that dies costs at most the clip it was decoding. Its shard is retried at the end, with no
other task running; if a worker dies again, the clip in progress is quarantined.
"""

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import replace
from itertools import islice
from typing import Final

from avme.errors import AvmeError, SystemRequirementError
from avme.io.filenames import SHARDS
from avme.media.decode import Recipe
from avme.prep import journal, progress_file
from avme.prep.plan import Plan
from avme.prep.request import Request
from avme.prep.write_shard import LabeledClip, ShardDone, ShardTask, write_shard
from avme.progress import Reporter
from avme.workers.pool import ExecutorSpec, dask_executor, local_executor

WORK: Final = ".work"
"""Folder for unfinished files in a dataset."""
_DEATHS_OF_A_SHARD_ELSEWHERE: Final = 3


def build_shards(
    plan: Plan,
    request: Request,
    recipe: Recipe,
    report: Reporter,
    *,
    dask: str | None = None,
) -> None:
    """Build the missing shards of this run and add each finished one to the journal.

    Missing shards of other partitions are not counted.

    Args:
        plan: Plan of the dataset.
        request: Number of workers.
        recipe: Decode settings.
        report: Receives progress.
        dask: Address of a cluster to run on.

    Raises:
        SystemRequirementError: A shard cannot be built.
        AvmeError: Workers die repeatedly.
    """
    missing = plan.missing()
    names = [name for name in missing if name in plan.own]
    if not names:
        return
    workers, seconds = min(request.workers, len(names)), request.config.dask_timeout_seconds
    with (
        local_executor(workers)
        if dask is None
        else dask_executor(dask, timeout_seconds=seconds) as crew
    ):
        done = plan.num_clips - sum(len(plan.shards[name]) for name in missing)
        if done:
            report.log(f"{done} of {plan.num_clips} clips are done already")
        total = done + sum(len(plan.shards[name]) for name in names)
        _delete_half_written(plan, frozenset(names))
        tasks = (_task(plan, name, recipe) for name in names)
        for finished in _run_tasks(tasks, crew, report, total=total, done=done):
            journal.append(plan.folder, finished)


def _run_tasks(
    tasks: Iterable[ShardTask], crew: ExecutorSpec, report: Reporter, *, total: int, done: int
) -> Iterator[ShardDone]:
    """Run all tasks; yield each when its shard is on disk."""
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

    def __init__(self, tasks: Iterable[ShardTask], crew: ExecutorSpec, report: Reporter) -> None:
        self._waiting, self._crew, self._report = iter(tasks), crew, report
        self._pending: dict[Future[ShardDone], ShardTask] = {}
        self._suspects: list[ShardTask] = []
        self._alone: Future[ShardDone] | None = None
        self._deaths = CrashPolicy(report)
        self._finished = self._counted = 0
        self.has_no_workers = False

    def is_left(self) -> bool:
        """Submit tasks; return True if any are unfinished."""
        pending, submit = self._pending, self._crew.executor.submit
        for task in islice(self._waiting, self._crew.in_flight - len(pending)):
            pending[submit(write_shard, task)] = task
        if not pending and self._suspects:
            task = self._suspects.pop()
            self._alone = submit(write_shard, task)
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
                self._suspects.append(self._deaths.retry(task, future is self._alone))
                continue
            except CancelledError as error:
                raise SystemRequirementError(
                    "lost connection to the executor (Dask scheduler stopped?): finished shards "
                    "are kept, run the same command again"
                ) from error
            except OSError as error:
                raise SystemRequirementError(
                    f"{task.name} cannot be built ({error}): finished shards are kept, fix it and "
                    "run again"
                ) from error
            self._finished += len(task.clips)
            yield shard
        before, self._counted = self._counted, self.counted()
        if self._crew.workers is not None:
            is_moving = bool(ready) or self._counted != before
            self.has_no_workers = self._crew.workers.are_gone(is_moving=is_moving)

    def counted(self) -> int:
        """Return the finished clips, including those of running tasks."""
        marks = (
            progress_file.read_progress(task.work, task.name) for task in self._pending.values()
        )
        return self._finished + sum(mark.done for mark in marks if mark)

    def wait_for_workers(self) -> None:
        """Wait for workers; raises SystemRequirementError if none joins in time."""
        if self._crew.workers is not None:
            self._crew.workers.wait(self._report, lambda: bool(self._wait()))
        self.has_no_workers = False

    def _wait(self) -> set[Future[ShardDone]]:
        poll_seconds = self._crew.poll_seconds
        return wait(self._pending, timeout=poll_seconds, return_when=FIRST_COMPLETED).done


class CrashPolicy:
    """Policy for shards whose worker died."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._elsewhere: Counter[str] = Counter()

    def retry(self, task: ShardTask, alone: bool) -> ShardTask:
        """Return the task to retry, without a clip on which a worker died while running alone."""
        mark = progress_file.read_progress(task.work, task.name)
        progress_file.remove_progress(task.work, task.name)
        clip = mark.clip if mark else None
        if clip is None:
            self._elsewhere[task.name] += 1
            if self._elsewhere[task.name] == _DEATHS_OF_A_SHARD_ELSEWHERE:
                raise AvmeError(
                    f"{_DEATHS_OF_A_SHARD_ELSEWHERE} workers died on {task.name}, but on none of "
                    "its clips (out of memory?): finished shards are kept; run again with fewer "
                    "workers"
                )
            return task
        if not alone:
            self._report.log(f"a worker died on {clip}: retrying its shard {task.name}")
            return task
        return replace(task, skip_ids=(*task.skip_ids, clip))


def _task(plan: Plan, name: str, recipe: Recipe) -> ShardTask:
    """Build the task. Paths are absolute, as a remote worker has another working directory."""
    clips, folder = plan.shards[name], plan.folder.absolute()
    labels = (int(label) for label in plan.clips.labels[clips.indices])
    return ShardTask(
        name=name,
        folder=folder / SHARDS,
        work=folder / WORK,
        clips=tuple(map(LabeledClip, clips, labels)),
        recipe=recipe,
    )


def _delete_half_written(plan: Plan, names: Collection[str]) -> None:
    """Delete unfinished files of these shards; others may be in progress elsewhere."""
    for path in (plan.folder / SHARDS).glob(".*.tmp"):
        if _shard_of(path.name[1:]) in names:
            path.unlink(missing_ok=True)
    for path in (plan.folder / WORK).glob("*"):
        if _shard_of(path.name) in names:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _shard_of(name: str) -> str:
    """Return the shard that a temporary file name belongs to."""
    return ".".join(name.split(".")[:2])
