"""Content of finished shards: the clips of one shard, or of several merged by id.

Clips of one shard are sorted by id, and so are the shards of one run of `prep`, so that a full
dataset is merged with one shard per run in memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord


@dataclass(frozen=True, slots=True)
class StoredClip:
    """Record of a clip, its position, and its sums for the MFCC statistics."""

    record: ClipRecord
    shard: str
    row: int
    num_rows: int
    mfcc_sum: NDArray[np.float64]
    mfcc_square: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShardContents:
    """Clips of one or more shards."""

    good: tuple[StoredClip, ...]
    bad: tuple[ClipRecord, ...]


def read_contents(
    reader: ShardReader, records: Sequence[ClipRecord] | None = None
) -> ShardContents:
    """Return the clips of one shard, in its order; raises ArtifactError for a damaged one.

    `records` are those of the reader, if already read.
    """
    counts = reader.column("mfcc_end") - reader.column("mfcc_begin")
    sums, squares = reader.column("mfcc_sum"), reader.column("mfcc_square")
    good: list[StoredClip] = []
    bad: list[ClipRecord] = []
    for record in reader.records() if records is None else records:
        if record.reason:
            bad.append(record)
            continue
        row = len(good)
        name = reader.path.name
        good.append(StoredClip(record, name, row, int(counts[row]), sums[row], squares[row]))
    return ShardContents(good=tuple(good), bad=tuple(bad))


def concat_contents(good: Iterable[StoredClip], bad: Iterable[ClipRecord]) -> ShardContents:
    """Concatenate clips of several shards, sorted by id."""
    return ShardContents(
        good=tuple(sorted(good, key=lambda clip: clip.record.id)),
        bad=tuple(sorted(bad, key=lambda record: record.id)),
    )
