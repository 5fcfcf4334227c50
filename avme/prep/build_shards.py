"""The shards of a plan that are not there, made by a crew."""

import csv
import shutil
from collections.abc import Collection, Sequence
from typing import Final

from avme.errors import ArtifactError
from avme.io.filenames import QUARANTINE, SHARDS
from avme.media.decode import Recipe
from avme.prep import journal
from avme.prep.partition import Share
from avme.prep.plan import Plan
from avme.prep.runner import run_tasks
from avme.prep.write_shard import LabelledClip, ShardTask
from avme.progress import Reporter
from avme.workers.pool import Crew

WORK: Final = ".work"
"""Folder of a set for what is not finished."""


def missing_shards(plan: Plan, share: Share | None) -> list[str]:
    """The shards of the share that are not there."""
    names = list(plan.shards) if share is None else share.of(list(plan.shards))
    missing = set(plan.missing())
    return [name for name in names if name in missing]


def shards_of_bad(plan: Plan) -> list[str]:
    """Shards that stand and hold clips of `quarantine.csv`; what helps may have been done since.

    Raises ArtifactError where that is no such table.
    """
    path = plan.folder / QUARANTINE
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            bad = {plan.clips.find(row["id"]) for row in csv.DictReader(file)} - {None}
    except (KeyError, ValueError, csv.Error) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error!r}): `avme verify` says how to mend it"
        ) from error
    return [
        name
        for name, clips in plan.shards.items()
        if plan.shard_path(name).is_file() and not bad.isdisjoint(clips.places.tolist())
    ]


def make_shards(
    plan: Plan, names: Sequence[str], recipe: Recipe, crew: Crew, report: Reporter
) -> None:
    """Makes shards and notes every finished one in the journal; raises what `run_tasks` does.

    Shards of other shares that are missing are not counted.
    """
    done = plan.num_clips - sum(len(plan.shards[name]) for name in plan.missing())
    if done:
        report.say(f"{done} of {plan.num_clips} clips are done already")
    total = done + sum(len(plan.shards[name]) for name in names)
    _delete_half_written(plan, frozenset(names))
    tasks = (_task(plan, name, recipe) for name in names)
    for finished in run_tasks(tasks, crew, report, total=total, done=done):
        journal.append(plan.folder, finished)


def _task(plan: Plan, name: str, recipe: Recipe) -> ShardTask:
    """Paths are absolute: a worker elsewhere stands in another folder."""
    clips, folder = plan.shards[name], plan.folder.absolute()
    labels = (int(label) for label in plan.clips.labels[clips.places])
    return ShardTask(
        name=name,
        folder=folder / SHARDS,
        work=folder / WORK,
        clips=tuple(map(LabelledClip, clips, labels)),
        recipe=recipe,
    )


def _delete_half_written(plan: Plan, names: Collection[str]) -> None:
    """What killed runs left of these shards; others may be in work elsewhere."""
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
    """The shard that a temporary name starts with."""
    return ".".join(name.split(".")[:2])
