"""Tables of a dataset, derived from its shards and splits.

`avme prep` writes them and `avme verify` derives them again. Clips are read one at a time; only
counts and the ids of quarantined clips are in memory.
"""

import csv
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOBase
from typing import Any, Final

from avme.audio.loudness import AUDIO_STATES
from avme.shards.contents import StoredClip
from avme.shards.index import COLUMNS, to_cells
from avme.shards.mfcc_stats import MfccSums
from avme.shards.record import ClipRecord

MOST_NAMED: Final = 10
_QUARANTINE_COLUMNS: Final = ("id", "reason", "message")
SplitLists = tuple[Iterable[str], Iterable[str]]
"""Ids of the train list and of the test list."""


@dataclass(slots=True)
class PublishStats:
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
    listed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Valid clips by split and subset."""

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
        for (split, sums), side in zip(self.mfcc.items(), sides, strict=True):
            sums.add(clip, is_trained=side == "train")
            self.listed[split, side] += 1

    def counts(self) -> dict[str, int]:
        """Return `counts` of `dataset.json`."""
        return {
            "clips": self.good,
            "frames": self.frames,
            **{state: self.audio[state] for state in AUDIO_STATES},
            "quarantined": len(self.bad),
        }

    def statistics(self) -> dict[str, Any]:
        """Return `statistics` of `dataset.json`."""
        return {name: sums.statistics() for name, sums in self.mfcc.items()}


def write_rows(
    clips: Iterable[StoredClip | ClipRecord],
    splits: Mapping[str, SplitLists],
    *,
    index: TextIOBase,
    quarantine: TextIOBase,
) -> PublishStats:
    """Write `index.csv` (valid clips) and `quarantine.csv` (the others).

    Args:
        clips: All clips, by id; of a quarantined one only the record.
        splits: Lists of every split, sorted; ids of other clips are left out.
        index: Receives the lines of `index.csv`.
        quarantine: Receives the lines of `quarantine.csv`.

    Returns:
        Content of `dataset.json` about the clips.
    """
    tally = PublishStats(mfcc={name: MfccSums() for name in splits})
    cursors = [_SubsetCursor(*lists) for lists in splits.values()]
    good, bad = (csv.writer(sink, lineterminator="\n") for sink in (index, quarantine))
    good.writerow([*COLUMNS, *(f"split{name}" for name in splits), "shard", "row"])
    bad.writerow(_QUARANTINE_COLUMNS)
    for clip in clips:
        if isinstance(clip, ClipRecord):
            bad.writerow([clip.id, clip.reason, clip.message])
            tally.add_bad(clip)
            continue
        sides = [cursor.subset_of(clip.record.id) for cursor in cursors]
        good.writerow([*to_cells(clip.record).values(), *sides, clip.shard, clip.row])
        tally.add_good(clip, sides)
    return tally


def merge_by_id(
    parts: Iterable[Iterable[StoredClip | ClipRecord]],
) -> Iterator[StoredClip | ClipRecord]:
    """Merge clips of several shards, each part sorted by id."""
    return heapq.merge(*parts, key=clip_id_of)


def clip_id_of(clip: StoredClip | ClipRecord) -> str:
    """Return the id of a good or quarantined clip."""
    return clip.record.id if isinstance(clip, StoredClip) else clip.id


class _SubsetCursor:
    """Subsets of clips that arrive in id order, in which both lists of a split are sorted."""

    def __init__(self, train: Iterable[str], test: Iterable[str]) -> None:
        self._lists = {"train": iter(train), "test": iter(test)}
        self._next = {side: next(ids, None) for side, ids in self._lists.items()}

    def subset_of(self, clip_id: str) -> str:
        """Return `train`, `test`, or an empty string."""
        found = ""
        for side, ids in self._lists.items():
            while (listed := self._next[side]) is not None and listed <= clip_id:
                found = side if listed == clip_id else found
                self._next[side] = next(ids, None)
        return found
