"""Videos in, a prepared set out.

Plan, make the missing shards, publish. Any of it may be killed at any time; the same command goes
on where the shards end.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avme.artifacts import DATASET_MANIFEST, read_json
from avme.config.prep import PrepConfig
from avme.data import journal
from avme.data.discover import Layout
from avme.data.pack import LabelledClip, ShardTask
from avme.data.plan import PLAN, Plan, make_plan
from avme.data.prepared import SHARDS, PreparedSet
from avme.data.publish import Stored, planned_sha256, read_shards, write_manifest, write_tables
from avme.data.sources import Beside, find_clips
from avme.data.splits import Split
from avme.data.workers import run_tasks
from avme.errors import TooManyBadClips, UsageError
from avme.media.extract import Recipe
from avme.media.ffmpeg import ffmpeg_version, find_ffmpeg
from avme.report import Reporter

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
    folder = _set_folder(out, name)
    beside = Beside(lists=splits, annotations=tuple(annotations), root=root)
    clips, chosen = find_clips(layout, source, beside, config)
    ffmpeg = find_ffmpeg()
    version = ffmpeg_version(ffmpeg)
    plan = make_plan(
        clips,
        folder=folder,
        source=source,
        layout=layout,
        config=config,
        ffmpeg_version=version,
        beside=beside.as_call(),
    )
    if _is_finished(plan, chosen.splits):
        report.say(f"{folder} is finished and nothing changed: {plan.num_clips} clips")
        return PreparedSet.open(folder)
    (folder / DATASET_MANIFEST).unlink(missing_ok=True)
    if plan.changed_clips:
        report.say(f"{plan.changed_clips} source files were added, removed or changed")
    if version != plan.ffmpeg_version:
        report.say(
            f"warning: this set was begun with ffmpeg {plan.ffmpeg_version}, this is {version}: "
            "shards made now may differ in some bits from those of one run"
        )
    for remark in chosen.remarks:
        report.say(remark)
    _make_shards(plan, ffmpeg, config, report)
    stored = read_shards(plan)
    write_tables(plan, stored, chosen.splits)
    _say_what_is_bad(stored, report)
    _require_enough(plan, stored, config.max_bad)
    manifest = write_manifest(
        plan,
        stored,
        chosen.splits,
        journal.account(folder, [plan.shard_path(shard) for shard in plan.shards]),
        name=name,
        layout=layout,
        config=config,
    )
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    _say_what_is_there(manifest, folder, report)
    return PreparedSet.open(folder)


def _set_folder(out: Path, name: str) -> Path:
    if not name or name in (".", "..") or Path(name).name != name:
        raise UsageError(f"{name!r} cannot be a set's name: give one word with --name")
    folder = out / name
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another folder with --out or --name")
    if folder.is_dir() and not (folder / PLAN).is_file():
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange:
            raise UsageError(
                f"{folder} holds {strange[0]} and no {PLAN}, so `avme prep` did not make it: "
                "choose another folder with --out or --name"
            )
    return folder


def _is_finished(plan: Plan, splits: Sequence[Split]) -> bool:
    """Whether the manifest stands and speaks of these splits and of the shards that are there.

    A shard of another size than it was written with is broken, and is deleted to be made anew.
    """
    if not (plan.folder / DATASET_MANIFEST).is_file():
        return False
    manifest = read_json(plan.folder / DATASET_MANIFEST)
    for name, facts in manifest["shards"].items():
        path = plan.shard_path(name)
        known = name in plan.shards and path.is_file()
        if known and path.stat().st_size != facts["bytes"]:
            path.unlink()
    planned = {split.name: planned_sha256(split) for split in splits}
    published = {name: facts["planned_sha256"] for name, facts in manifest["splits"].items()}
    return not plan.missing() and planned == published


def _make_shards(plan: Plan, ffmpeg: str, config: PrepConfig, report: Reporter) -> None:
    missing = plan.missing()
    labels = {name: label for label, name in enumerate(plan.classes)}
    recipe = Recipe(
        ffmpeg=ffmpeg,
        jpeg_quality=config.jpeg_quality,
        short_side=config.short_side,
        num_cepstra=config.num_cepstra,
        silence_dbfs=config.silence_dbfs,
        timeout_seconds=config.timeout_seconds,
        max_seconds=config.max_seconds,
        max_bytes=round(config.max_clip_gb * 1e9),
        memory_bytes=config.memory_mb * 1024 * 1024,
        min_decoded=config.min_decoded,
    )
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
    workers = config.workers or os.cpu_count() or 1
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
