"""Finished shards to the tables and the manifest that make them a prepared set.

Everything here follows from the shards, the plan and the splits, so it can be done again after any
kill. `dataset.json` is written last.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avme.artifacts import DATASET_MANIFEST, replacing, write_json, write_text
from avme.config.prep import PrepConfig
from avme.data.discover import Layout
from avme.data.index import COLUMNS, to_cells
from avme.data.pack import ShardDone
from avme.data.plan import Plan
from avme.data.prepared import DATASET_SCHEMA, INDEX, split_path
from avme.data.reader import ShardReader
from avme.data.record import ClipRecord
from avme.data.splits import Split, list_sha256
from avme.errors import ArtifactError

QUARANTINE = "quarantine.csv"
_SMALLEST_DEVIATION = 1e-3


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A record, its place, and its share of the MFCC statistics."""

    record: ClipRecord
    shard: str
    row: int
    num_rows: int
    mfcc_sum: NDArray[np.float64]
    mfcc_square: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stored:
    """All that the shards of a plan hold."""

    good: tuple[StoredClip, ...]
    bad: tuple[ClipRecord, ...]


def read_shards(plan: Plan) -> Stored:
    """Collects the records of all shards; raises ArtifactError if one does not fit the plan."""
    good: list[StoredClip] = []
    bad: list[ClipRecord] = []
    for name, clips in plan.shards.items():
        reader = ShardReader(plan.shard_path(name))
        if [record.id for record in reader.records()] != [clip.id for clip in clips]:
            raise ArtifactError(
                f"{reader.path} holds other clips than {plan.folder / 'plan.json'} says: delete it "
                "and run the same command again"
            )
        stored = stored_in(reader)
        reader.close()
        good += stored.good
        bad += stored.bad
    return together(good, bad)


def stored_in(reader: ShardReader) -> Stored:
    """The clips of one shard, in its order; raises KeyError or IndexError for a broken one."""
    counts = reader.column("mfcc_end") - reader.column("mfcc_begin")
    sums, squares = reader.column("mfcc_sum"), reader.column("mfcc_square")
    good: list[StoredClip] = []
    bad: list[ClipRecord] = []
    for record in reader.records():
        if record.reason:
            bad.append(record)
            continue
        row = len(good)
        name = reader.path.name
        good.append(StoredClip(record, name, row, int(counts[row]), sums[row], squares[row]))
    return Stored(good=tuple(good), bad=tuple(bad))


def together(good: Iterable[StoredClip], bad: Iterable[ClipRecord]) -> Stored:
    """The clips of all shards, sorted by id."""
    return Stored(
        good=tuple(sorted(good, key=lambda clip: clip.record.id)),
        bad=tuple(sorted(bad, key=lambda record: record.id)),
    )


def write_tables(plan: Plan, stored: Stored, splits: Sequence[Split]) -> None:
    """Writes `index.csv` (good clips) and `quarantine.csv` (the others)."""
    sides = {
        f"split{split.name}": {i: "train" for i in split.train} | {i: "test" for i in split.test}
        for split in splits
    }
    rows = (
        [
            *to_cells(clip.record).values(),
            *(side.get(clip.record.id, "") for side in sides.values()),
            clip.shard,
            clip.row,
        ]
        for clip in stored.good
    )
    _write_csv(plan.folder / INDEX, [*COLUMNS, *sides, "shard", "row"], rows)
    bad = ([record.id, record.reason, record.message] for record in stored.bad)
    _write_csv(plan.folder / QUARANTINE, ["id", "reason", "message"], bad)


def write_manifest(
    plan: Plan,
    stored: Stored,
    splits: Sequence[Split],
    shards: Sequence[ShardDone],
    *,
    name: str,
    layout: Layout,
    config: PrepConfig,
) -> dict[str, Any]:
    """Writes the split lists, then `dataset.json`; returns what it says."""
    ids = {clip.record.id for clip in stored.good}
    listed: dict[str, Any] = {}
    for split in splits:
        facts: dict[str, Any] = {"planned_sha256": planned_sha256(split)}
        for part, members in (("train", split.train), ("test", split.test)):
            there = [clip_id for clip_id in members if clip_id in ids]
            write_text(split_path(plan.folder, split.name, part), "".join(f"{i}\n" for i in there))
            facts |= {part: len(there), f"{part}_sha256": list_sha256(there)}
        listed[split.name] = facts
    audio = Counter(clip.record.audio for clip in stored.good)
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
        "counts": {
            "clips": len(stored.good),
            "frames": sum(clip.record.frames for clip in stored.good),
            **{state: audio[state] for state in ("sound", "silent", "none")},
            "quarantined": len(stored.bad),
        },
        **content,
        "statistics": {split.name: statistics(stored.good, split.train) for split in splits},
        "ffmpeg": plan.ffmpeg_version,
    }
    write_json(plan.folder / DATASET_MANIFEST, manifest)
    return manifest


def planned_sha256(split: Split) -> str:
    """Fingerprint of a split before clips that turned out bad were taken from it."""
    return list_sha256([*split.train, "", *split.test])


def statistics(clips: Sequence[StoredClip], train_ids: Iterable[str]) -> dict[str, Any]:
    """Mean and deviation of every MFCC coefficient over the sounding rows of a train list."""
    train = set(train_ids)
    heard = [clip for clip in clips if clip.record.id in train and clip.num_rows > 0]
    num_rows = sum(clip.num_rows for clip in heard)
    num_cepstra = len(clips[0].mfcc_sum)
    if num_rows == 0:
        mean, deviation = np.zeros(num_cepstra), np.ones(num_cepstra)
    else:
        mean = np.sum([clip.mfcc_sum for clip in heard], axis=0) / num_rows
        square = np.sum([clip.mfcc_square for clip in heard], axis=0) / num_rows
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        deviation = np.where(spread < _SMALLEST_DEVIATION, 1.0, spread)
    return {
        "mfcc_rows": num_rows,
        "mfcc_mean": [float(value) for value in mean],
        "mfcc_deviation": [float(value) for value in deviation],
    }


def fingerprint(content: dict[str, Any]) -> str:
    """Hash over the classes, settings, splits and shards of a manifest."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write_csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """Row by row: the text of a large set is never in memory as a whole."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
