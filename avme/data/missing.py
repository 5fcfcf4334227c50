"""The shards of a plan that are not there, made by a crew."""

import csv
import shutil
from collections.abc import Sequence
from typing import Final

from avme.data import journal
from avme.data.executors import Crew
from avme.data.pack import LabelledClip, ShardTask
from avme.data.plan import Plan
from avme.data.prepared import SHARDS
from avme.data.publish import QUARANTINE
from avme.data.share import Share
from avme.data.workers import run_tasks
from avme.media.extract import Recipe
from avme.report import Reporter

WORK: Final = ".work"
"""Folder of a set for what is not finished."""


def missing_tasks(plan: Plan, recipe: Recipe, share: Share | None) -> list[ShardTask]:
    """A task for every shard of the share that is not there."""
    labels = {name: label for label, name in enumerate(plan.classes)}
    names = list(plan.shards) if share is None else share.of(list(plan.shards))
    missing = set(plan.missing())
    return [
        ShardTask(
            name=name,
            folder=plan.folder / SHARDS,
            work=plan.folder / WORK,
            clips=tuple(LabelledClip(clip, labels[clip.class_name]) for clip in plan.shards[name]),
            recipe=recipe,
        )
        for name in names
        if name in missing
    ]


def shards_of_bad(plan: Plan) -> list[str]:
    """Shards that stand and hold clips of `quarantine.csv`; what helps may have been done since."""
    path = plan.folder / QUARANTINE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        bad = {row["id"] for row in csv.DictReader(file)}
    return [
        name
        for name, clips in plan.shards.items()
        if plan.shard_path(name).is_file() and any(clip.id in bad for clip in clips)
    ]


def make_shards(plan: Plan, tasks: Sequence[ShardTask], crew: Crew, report: Reporter) -> None:
    """Runs the tasks and notes every finished shard in the journal; raises what `run_tasks` does.

    Shards of other shares that are missing are not counted.
    """
    done = plan.num_clips - sum(len(plan.shards[name]) for name in plan.missing())
    if done:
        report.say(f"{done} of {plan.num_clips} clips are done already")
    total = done + sum(len(task.clips) for task in tasks)
    _delete_half_written(tasks)
    for finished in run_tasks(tasks, crew, report, total=total, done=done):
        journal.append(plan.folder, finished)


def _delete_half_written(tasks: Sequence[ShardTask]) -> None:
    """What killed runs left of these shards; others may be in work elsewhere."""
    names = {task.name for task in tasks}
    for path in tasks[0].folder.glob(".*.tmp"):
        if _shard_of(path.name[1:]) in names:
            path.unlink(missing_ok=True)
    for path in tasks[0].work.glob("*"):
        if _shard_of(path.name) in names:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _shard_of(name: str) -> str:
    """The shard that a temporary name starts with."""
    return ".".join(name.split(".")[:2])
