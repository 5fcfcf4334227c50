"""Clips of an evaluation that play inside a report, within a budget of bytes."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from avme.errors import AvmeError
from avme.evaluation.predictions import Predictions
from avme.report.clip_video import encode_clip
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.reader import UNREADABLE, ShardReader

MOST_CLIPS: Final = 120
"""Clips of an evaluation that are tried, whatever the budget."""


@dataclass(frozen=True, slots=True)
class ClipMedia:
    """Videos of some clips of an evaluation."""

    videos: dict[int, str]
    """Base64 of an MP4 by position of the clip in the predictions."""
    note: str
    """Which clips play, or why none does."""


def embed_clips(found: Predictions, data: Path | None, budget: int) -> tuple[ClipMedia, int]:
    """Encode clips until the budget is used up: of every cell of the confusion matrix the surest.

    Args:
        found: Predictions.
        data: Prepared dataset, if it was found.
        budget: Bytes that base64 may take.

    Returns:
        The videos, and the bytes that they take.
    """
    if budget <= 0:
        return ClipMedia({}, "No clips are embedded: the media budget is used up."), 0
    if data is None:
        name = found.summary.get("dataset", "?")
        return ClipMedia({}, f"No clips are embedded: dataset {name} is not at hand."), 0
    try:
        prepared = PreparedDataset.open(data, lazy=True)
        if prepared.fingerprint != found.summary.get("fingerprint"):
            return ClipMedia({}, f"No clips are embedded: {data} was prepared anew since."), 0
        entries = _wanted_entries(found, prepared)
        return _encode(found, prepared, entries, budget)
    except (AvmeError, *UNREADABLE) as error:
        return ClipMedia({}, f"No clips are embedded: {error}"), 0


def order_of_clips(found: Predictions) -> list[int]:
    """Order clips for embedding: the surest of each cell, wrong cells first, then the next surest.

    Returns:
        Positions in the predictions.
    """
    predicted = found.probability.argmax(axis=1)
    sure = found.probability.max(axis=1)
    turns: dict[tuple[int, int], int] = {}
    keys = []
    for at in np.argsort(-sure, kind="stable").tolist():
        cell = (int(found.label[at]), int(predicted[at]))
        turn = turns[cell] = turns.get(cell, -1) + 1
        keys.append((turn, cell[0] == cell[1], *cell, at))
    return [key[-1] for key in sorted(keys)]


def _wanted_entries(found: Predictions, prepared: PreparedDataset) -> dict[int, ClipEntry]:
    wanted = {found.id[at]: at for at in order_of_clips(found)[:MOST_CLIPS]}
    return {wanted[entry.id]: entry for entry in prepared.read_entries() if entry.id in wanted}


def _encode(
    found: Predictions, prepared: PreparedDataset, entries: dict[int, ClipEntry], budget: int
) -> tuple[ClipMedia, int]:
    videos: dict[int, str] = {}
    used = 0
    for at, video in _videos(found, prepared, entries):
        if used + len(video) > budget:
            break
        videos[at], used = video, used + len(video)
    note = (
        f"{len(videos)} of {len(found.id)} clips play here, small, at most four seconds of each at "
        "12.5 frames per second: of every cell the clip with the highest probability first."
    )
    return ClipMedia(videos, note), used


def _videos(
    found: Predictions, prepared: PreparedDataset, entries: dict[int, ClipEntry]
) -> Iterator[tuple[int, str]]:
    readers: dict[Path, ShardReader] = {}
    try:
        for at in order_of_clips(found)[:MOST_CLIPS]:
            if at in entries:
                path = prepared.shard_path(entries[at])
                reader = readers.setdefault(path, ShardReader(path))
                yield at, b64encode(encode_clip(reader, entries[at])).decode("ascii")
    finally:
        for reader in readers.values():
            reader.close()
