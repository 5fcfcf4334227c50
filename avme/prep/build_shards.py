"""Building of a plan's missing shards on an executor."""

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
"""Folder for unfinished files in a dataset."""


def missing_shards(plan: Plan, share: Share | None) -> list[str]:
    """Return the missing shards of the partition."""
    names = list(plan.shards) if share is None else share.of(list(plan.shards))
    missing = set(plan.missing())
    return [name for name in names if name in missing]


def shards_of_bad(plan: Plan) -> list[str]:
    """Return existing shards with clips in `quarantine.csv`, which may now be decodable.

    Raises ArtifactError if the table is invalid.
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
    """Build shards and add each finished one to the journal; raises the errors of `run_tasks`.

    Missing shards of other partitions are not counted.

    Args:
        plan: Plan of the dataset.
        names: Shards to build.
        recipe: Decode settings.
        crew: Executor.
        report: Receives progress.
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
    """Build the task. Paths are absolute, as a remote worker has another working directory."""
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
