"""Videos in, a prepared set out.

Plan, make the missing shards, publish. Any of it may be killed at any time; the same command goes
on where the shards end.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avme.artifacts import DATASET_MANIFEST
from avme.config.prep import PrepConfig
from avme.data import journal
from avme.data.discover import Layout
from avme.data.disk import writing
from avme.data.lock import holding
from avme.data.pack import LabelledClip, ShardTask
from avme.data.plan import Plan
from avme.data.prepared import SHARDS, PreparedSet
from avme.data.publish import Stored, read_shards, write_manifest, write_tables
from avme.data.sources import Beside
from avme.data.workers import run_tasks
from avme.errors import TooManyBadClips
from avme.media.extract import Recipe
from avme.report import Reporter
from avme.stages.forecast import warn_of_disk
from avme.stages.intent import Intent, intend, recipe_of

_WORK = ".work"
_MOST_NAMED = 10


def prepare(
    layout: Layout,
    source: Path,
    *,
    out: Path,
    name: str,
    config: PrepConfig,
    report: Reporter,
    splits: Path | None = None,
    annotations: Sequence[Path] = (),
    root: Path | None = None,
) -> PreparedSet:
    """Prepares the videos of `source` as `out/name`; returns the finished set.

    `source` is a folder of videos, or for `csv` the table. `splits`, `annotations` and `root` are
    what `Beside` says. Raises UsageError, MismatchError, TooManyBadClips and MachineError.
    """
    beside = Beside(lists=splits, annotations=tuple(annotations), root=root)
    intent = intend(layout, source, out=out, name=name, config=config, beside=beside)
    with writing(intent.folder), holding(intent.folder):
        return _carry_out(intent, report)


def _carry_out(intent: Intent, report: Reporter) -> PreparedSet:
    folder, splits, config = intent.folder, intent.splits.splits, intent.config
    draft = intent.draft()
    state = intent.state(draft)
    for broken in state.broken:  # first: the manifest alone tells that they are
        draft.plan.shard_path(broken).unlink(missing_ok=True)
    plan = draft.put_down()
    if state.is_finished:
        report.say(f"{folder} is finished and nothing changed: {plan.num_clips} clips")
        return PreparedSet.open(folder)
    (folder / DATASET_MANIFEST).unlink(missing_ok=True)
    if plan.changes.total:
        report.say(f"{plan.changes.total} source files were added, removed or changed")
    for remark in intent.remarks(draft):
        report.say(remark)
    warn_of_disk(plan, report)
    _make_shards(plan, recipe_of(config, intent.ffmpeg), intent.workers, report)
    stored = read_shards(plan)
    write_tables(plan, stored, splits)
    _say_what_is_bad(stored, report)
    _require_enough(plan, stored, config.max_bad)
    manifest = write_manifest(
        plan,
        stored,
        splits,
        journal.account(folder, [plan.shard_path(shard) for shard in plan.shards]),
        name=folder.name,
        layout=intent.layout,
        config=config,
    )
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    _say_what_is_there(manifest, folder, report)
    return PreparedSet.open(folder)


def _make_shards(plan: Plan, recipe: Recipe, workers: int, report: Reporter) -> None:
    missing = plan.missing()
    labels = {name: label for label, name in enumerate(plan.classes)}
    tasks = [
        ShardTask(
            name=name,
            folder=plan.folder / SHARDS,
            work=plan.folder / _WORK,
            clips=tuple(LabelledClip(clip, labels[clip.class_name]) for clip in plan.shards[name]),
            recipe=recipe,
        )
        for name in missing
    ]
    _delete_half_written(plan, missing)
    done = plan.num_clips - sum(len(task.clips) for task in tasks)
    if done and tasks:
        report.say(f"{done} of {plan.num_clips} clips are done already")
    if not tasks:
        return
    with report.task("prepare", total=plan.num_clips, done=done) as progress:
        for finished in run_tasks(tasks, workers, progress):
            journal.append(plan.folder, finished)


def _delete_half_written(plan: Plan, names: Sequence[str]) -> None:
    for name in names:
        for leftover in (plan.folder / SHARDS).glob(f".{name}.*.tmp"):
            leftover.unlink(missing_ok=True)


def _require_enough(plan: Plan, stored: Stored, max_bad: float) -> None:
    allowed = max(1, int(max_bad * plan.num_clips))
    if not stored.good:
        raise TooManyBadClips(
            f"none of the {len(stored.bad)} clips could be prepared: see "
            f"{plan.folder / 'quarantine.csv'}",
            reason="too-many",
        )
    if len(stored.bad) > allowed:
        raise TooManyBadClips(
            f"{len(stored.bad)} of {plan.num_clips} clips are bad, {allowed} may be: see "
            f"{plan.folder / 'quarantine.csv'}; the good ones are kept, and a larger --max-bad "
            "goes on with them",
            reason="too-many",
        )


def _say_what_is_bad(stored: Stored, report: Reporter) -> None:
    for record in stored.bad[:_MOST_NAMED]:
        report.say(f"quarantined {record.id}: {record.message} [{record.reason}]")
    if len(stored.bad) > _MOST_NAMED:
        report.say(f"... and {len(stored.bad) - _MOST_NAMED} more in quarantine.csv")


def _say_what_is_there(manifest: dict[str, Any], folder: Path, report: Reporter) -> None:
    counts = manifest["counts"]
    report.say(
        f"{folder}: {counts['clips']} clips, {len(manifest['classes'])} classes, "
        f"{counts['frames']} frames; {counts['sound']} with sound, {counts['silent']} silent, "
        f"{counts['none']} without a track, {counts['quarantined']} quarantined"
    )
    for name, facts in manifest["splits"].items():
        report.say(f"split {name}: {facts['train']} train, {facts['test']} test")
