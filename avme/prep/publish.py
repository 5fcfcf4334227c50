"""Publication of a dataset: tables and manifest from the finished shards.

Everything follows from the shards, the plan and the splits, so that it can be repeated after any
kill. `dataset.json` is written last.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, TooManyFailedClips
from avme.io.atomic import replacing, sweep, write_json
from avme.io.filenames import DATASET_MANIFEST, INDEX, PLAN, QUARANTINE, SHARDS, SPLITS
from avme.io.hashing import list_sha256, sha256_of
from avme.io.json_checksum import with_checksum
from avme.prep import journal
from avme.prep.ffmpeg_versions import count_versions, describe_mixture
from avme.prep.plan import Plan
from avme.prep.request import Request
from avme.prep.runner import WORK
from avme.prep.status import planned_sha256
from avme.prep.write_shard import ShardDone
from avme.progress import Reporter
from avme.shards.contents import StoredClip, read_contents
from avme.shards.csv_tables import MOST_NAMED, PublishStats, clip_id_of, merge_by_id, write_rows
from avme.shards.dataset import PreparedDataset, split_path
from avme.shards.manifest import DATASET_SCHEMA, fingerprint
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord
from avme.sources.folder import Layout
from avme.sources.splits import Split


def publish(
    plan: Plan, request: Request, splits: Sequence[Split], report: Reporter
) -> PreparedDataset:
    """Publish a dataset of which all shards exist; return it.

    Args:
        plan: Plan of the dataset.
        request: Layout and settings.
        splits: Splits of the source.
        report: Receives counts and warnings.

    Raises:
        TooManyFailedClips: More clips failed than allowed.
        ArtifactError: A shard does not match the plan.
    """
    folder = plan.folder
    tally = write_tables(plan, splits)
    _report_quarantined(tally, report)
    require_max_failed(plan, tally.good, len(tally.bad), request.config.max_failed)
    manifest = write_manifest(
        plan,
        tally,
        splits,
        journal.account(folder, [plan.shard_path(shard) for shard in plan.shards]),
        name=folder.name,
        layout=request.layout,
        config=request.config,
    )
    shutil.rmtree(folder / WORK, ignore_errors=True)
    for written in (folder, folder / SHARDS, folder / SPLITS):
        sweep(written)
    _report_counts(manifest, folder, report)
    if (warning := describe_mixture(manifest)) is not None:
        report.log(warning)
    return PreparedDataset.open(folder, lazy=True)


def require_max_failed(plan: Plan, num_good: int, num_bad: int, max_failed: float) -> None:
    """Raise TooManyFailedClips if no clip is valid, or if too many are not.

    Args:
        plan: Plan of the dataset.
        num_good: Number of valid clips.
        num_bad: Number of quarantined clips.
        max_failed: Fraction of clips that may be quarantined.
    """
    allowed = max(1, int(max_failed * plan.num_clips))
    if not num_good:
        raise TooManyFailedClips(
            f"none of the {num_bad} clips could be prepared: see {plan.folder / QUARANTINE}",
            reason="too-many",
        )
    if num_bad > allowed:
        raise TooManyFailedClips(
            f"{num_bad} of {plan.num_clips} clips failed, expected at most {allowed}: see "
            f"{plan.folder / QUARANTINE}; the others are kept, and a larger --max-failed continues "
            "with them",
            reason="too-many",
        )


def write_tables(plan: Plan, splits: Sequence[Split]) -> PublishStats:
    """Write `index.csv` (valid clips) and `quarantine.csv` (the others).

    Raises ArtifactError if a shard does not match the plan.
    """
    with ExitStack() as tables:
        index, quarantine = (
            tables.enter_context(_text(plan.folder / name)) for name in (INDEX, QUARANTINE)
        )
        lists = {split.name: (split.train, split.test) for split in splits}
        return write_rows(iter_by_id(plan), lists, index=index, quarantine=quarantine)


def write_manifest(
    plan: Plan,
    tally: PublishStats,
    splits: Sequence[Split],
    shards: Sequence[ShardDone],
    *,
    name: str,
    layout: Layout,
    config: PrepConfig,
) -> dict[str, Any]:
    """Write the split lists, then `dataset.json`; return its content.

    Args:
        plan: Plan of the dataset.
        tally: Counts over all clips.
        splits: Splits of the source.
        shards: Journal lines of all shards.
        name: Name of the dataset.
        layout: Layout of the source.
        config: Settings of prep.
    """
    listed: dict[str, Any] = {}
    for split in splits:
        facts: dict[str, Any] = {"planned_sha256": planned_sha256(split)}
        for part, members in (("train", split.train), ("test", split.test)):
            path = split_path(plan.folder, split.name, part)
            count, sha256 = _write_list(path, (i for i in members if i not in tally.bad))
            lost = sum(1 for i in members if i in tally.bad)
            facts |= {part: count, f"{part}_sha256": sha256, f"{part}_quarantined": lost}
        listed[split.name] = facts
    content = {
        "classes": list(plan.classes),
        "settings": config.content(),
        "splits": listed,
        "shards": {
            done.name: {"sha256": done.sha256, "bytes": done.num_bytes, "clips": done.clips}
            for done in sorted(shards, key=lambda done: done.name)
        },
    }
    manifest = {
        "schema": DATASET_SCHEMA,
        "name": name,
        "layout": layout,
        "fingerprint": fingerprint(content),
        "counts": tally.counts(),
        **content,
        "statistics": tally.statistics(),
        "ffmpeg": count_versions(done.ffmpeg for done in shards),
        "tables": {name: sha256_of(plan.folder / name) for name in (INDEX, QUARANTINE)},
    }
    manifest = with_checksum(manifest)
    write_json(plan.folder / DATASET_MANIFEST, manifest)
    return manifest


def _write_list(path: Path, ids: Iterable[str]) -> tuple[int, str]:
    """Write ids, one per line; return their number and `list_sha256`."""
    count = 0
    with _text(path) as file:

        def written() -> Iterator[str]:
            nonlocal count
            for clip_id in ids:
                file.write(f"{clip_id}\n")
                count += 1
                yield clip_id

        sha256 = list_sha256(written())
    return count, sha256


@contextmanager
def _text(path: Path) -> Iterator[TextIOWrapper]:
    """Replace a text file; the text of a large dataset is never fully in memory."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def iter_by_id(plan: Plan) -> Iterator[StoredClip | ClipRecord]:
    """Yield the clips of all shards by id; a quarantined one as its record only.

    Raises ArtifactError if a shard does not match the plan.
    """
    return merge_by_id(_clips_of(plan, names) for names in _runs(plan))


def _runs(plan: Plan) -> list[list[str]]:
    """Group shards into runs whose clip ids ascend."""
    runs: list[list[str]] = []
    end = -1
    for name, clips in plan.shards.items():
        if not runs or clips.indices.min() < end:
            runs.append([])
        runs[-1].append(name)
        end = clips.indices.max()
    return runs


def _clips_of(plan: Plan, names: Iterable[str]) -> Iterator[StoredClip | ClipRecord]:
    for name in names:
        reader = ShardReader(plan.shard_path(name))
        records = reader.records()
        if [record.id for record in records] != list(plan.shards[name].ids()):
            raise ArtifactError(
                f"{reader.path} does not hold the clips of {plan.folder / PLAN}: delete it and run "
                "the same command again"
            )
        stored = read_contents(reader, records)
        reader.close()
        clips: list[StoredClip | ClipRecord] = [*stored.good, *stored.bad]
        yield from sorted(clips, key=clip_id_of)


def _report_quarantined(tally: PublishStats, report: Reporter) -> None:
    for record in tally.named:
        report.log(f"quarantined {record.id}: {record.message} [{record.reason}]")
    if len(tally.bad) > MOST_NAMED:
        report.log(f"... and {len(tally.bad) - MOST_NAMED} more in {QUARANTINE}")


def _report_counts(manifest: dict[str, Any], folder: Path, report: Reporter) -> None:
    counts = manifest["counts"]
    report.log(
        f"{folder}: {counts['clips']} clips, {len(manifest['classes'])} classes, "
        f"{counts['frames']} frames; {counts['audible']} audible, {counts['silent']} silent, "
        f"{counts['none']} without a track, {counts['quarantined']} quarantined"
    )
    for name, facts in manifest["splits"].items():
        report.log(f"split {name}: {facts['train']} train, {facts['test']} test")
        for part in ("train", "test"):
            if not facts[part]:
                report.log(f"warning: split {name} has no {part} clip left: see {QUARANTINE}")
