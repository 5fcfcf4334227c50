"""Publication of a dataset: tables and manifest from the finished shards.

Everything follows from the shards, the plan and the splits, so that it can be repeated after any
kill. Clips are read one at a time; only counts and the ids of quarantined clips are in memory.
`dataset.json` is written last.
"""

import csv
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError
from avme.io.atomic import replacing, write_json
from avme.io.filenames import DATASET_MANIFEST, INDEX, QUARANTINE
from avme.io.hashing import list_sha256, sha256_of
from avme.io.json_checksum import with_checksum
from avme.prep.plan import Plan
from avme.prep.write_shard import ShardDone
from avme.shards.contents import StoredClip, stored_in
from avme.shards.dataset import DATASET_SCHEMA, split_path
from avme.shards.ffmpeg_versions import count_versions
from avme.shards.index import COLUMNS, to_cells
from avme.shards.manifest import fingerprint
from avme.shards.mfcc_stats import MfccSums
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord
from avme.sources.folder import Layout
from avme.sources.splits import Split

MOST_NAMED = 10


@dataclass(slots=True)
class Tally:
    """Counts over all clips."""

    good: int = 0
    bad: set[str] = field(default_factory=set)
    """Ids of quarantined clips."""
    named: list[ClipRecord] = field(default_factory=list)
    """The first ten quarantined clips."""
    frames: int = 0
    audio: Counter[str] = field(default_factory=Counter)
    mfcc: dict[str, MfccSums] = field(default_factory=dict)
    """MFCC sums by split."""

    def add_bad(self, record: ClipRecord) -> None:
        """Add a quarantined clip."""
        self.bad.add(record.id)
        if len(self.named) < MOST_NAMED:
            self.named.append(record)

    def add_good(self, clip: StoredClip, sides: Sequence[str]) -> None:
        """Add a valid clip with its subset in every split."""
        self.good += 1
        self.frames += clip.record.frames
        self.audio[clip.record.audio] += 1
        for sums, side in zip(self.mfcc.values(), sides, strict=True):
            sums.add(clip, is_trained=side == "train")


def write_tables(plan: Plan, splits: Sequence[Split]) -> Tally:
    """Write `index.csv` (valid clips) and `quarantine.csv` (the others).

    Raises ArtifactError if a shard does not match the plan.
    """
    tally = Tally(mfcc={split.name: MfccSums() for split in splits})
    cursors = [_Sides(split) for split in splits]
    columns = [*COLUMNS, *(f"split{split.name}" for split in splits), "shard", "row"]
    with ExitStack() as tables:
        index = tables.enter_context(_csv(plan.folder / INDEX, columns))
        bad = tables.enter_context(_csv(plan.folder / QUARANTINE, ["id", "reason", "message"]))
        for clip in in_order(plan):
            if isinstance(clip, ClipRecord):
                bad.writerow([clip.id, clip.reason, clip.message])
                tally.add_bad(clip)
                continue
            sides = [cursor.side_of(clip.record.id) for cursor in cursors]
            index.writerow([*to_cells(clip.record).values(), *sides, clip.shard, clip.row])
            tally.add_good(clip, sides)
    return tally


def write_manifest(
    plan: Plan,
    tally: Tally,
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
            facts |= {part: count, f"{part}_sha256": sha256}
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
        "counts": {
            "clips": tally.good,
            "frames": tally.frames,
            **{state: tally.audio[state] for state in ("sound", "silent", "none")},
            "quarantined": len(tally.bad),
        },
        **content,
        "statistics": {name: sums.statistics() for name, sums in tally.mfcc.items()},
        "ffmpeg": count_versions(done.ffmpeg for done in shards),
        "tables": {name: sha256_of(plan.folder / name) for name in (INDEX, QUARANTINE)},
    }
    manifest = with_checksum(manifest)
    write_json(plan.folder / DATASET_MANIFEST, manifest)
    return manifest


def planned_sha256(split: Split) -> str:
    """Return the hash of a split before quarantined clips are removed from it."""
    return list_sha256(chain(split.train, ("",), split.test))


class _Sides:
    """Subsets of clips that arrive in id order, in which both lists of a split are sorted."""

    def __init__(self, split: Split) -> None:
        self._lists = {"train": iter(split.train), "test": iter(split.test)}
        self._next = {side: next(ids, None) for side, ids in self._lists.items()}

    def side_of(self, clip_id: str) -> str:
        """Return `train`, `test`, or an empty string."""
        found = ""
        for side, ids in self._lists.items():
            while (listed := self._next[side]) is not None and listed <= clip_id:
                found = side if listed == clip_id else found
                self._next[side] = next(ids, None)
        return found


def _write_list(path: Path, ids: Iterable[str]) -> tuple[int, str]:
    """Write ids, one per line; return their number and `list_sha256`."""
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:

        def written() -> Iterator[str]:
            nonlocal count
            for clip_id in ids:
                file.write(f"{clip_id}\n")
                count += 1
                yield clip_id

        sha256 = list_sha256(written())
    return count, sha256


@contextmanager
def _csv(path: Path, header: list[str]) -> Iterator[Any]:
    """Open a CSV writer with `header`; the text of a large dataset is never fully in memory."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        yield writer


def in_order(plan: Plan) -> Iterator[StoredClip | ClipRecord]:
    """Yield the clips of all shards by id; a quarantined one as its record only.

    Raises ArtifactError if a shard does not match the plan.
    """
    return heapq.merge(*(_clips_of(plan, names) for names in _runs(plan)), key=_id_of)


def _id_of(clip: StoredClip | ClipRecord) -> str:
    return clip.record.id if isinstance(clip, StoredClip) else clip.id


def _runs(plan: Plan) -> list[list[str]]:
    """Group shards into runs whose clip ids ascend."""
    runs: list[list[str]] = []
    end = -1
    for name, clips in plan.shards.items():
        if not runs or clips.places.min() < end:
            runs.append([])
        runs[-1].append(name)
        end = clips.places.max()
    return runs


def _clips_of(plan: Plan, names: Iterable[str]) -> Iterator[StoredClip | ClipRecord]:
    for name in names:
        reader = ShardReader(plan.shard_path(name))
        records = reader.records()
        if [record.id for record in records] != list(plan.shards[name].ids()):
            raise ArtifactError(
                f"{reader.path} holds other clips than {plan.folder / 'plan.json'} says: delete it "
                "and run the same command again"
            )
        stored = stored_in(reader, records)
        reader.close()
        clips: list[StoredClip | ClipRecord] = [*stored.good, *stored.bad]
        yield from sorted(clips, key=_id_of)
