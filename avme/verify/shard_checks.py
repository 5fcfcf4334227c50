"""One shard to what is wrong with it: its bytes, its columns, its clips, some of its pictures.

Each of these is looked at only if the one before it is sound. A file whose hash is wrong is not
even opened: HDF5 is not made for damaged files.

Shape letters: c clips, t frames of all clips, s MFCC rows, n offsets.
"""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from jaxtyping import Int64
from numpy.typing import NDArray

from avme.errors import ArtifactError
from avme.io.hashing import sha256_of
from avme.shards.contents import Stored, stored_in
from avme.shards.jpeg import declared_size, require_possible
from avme.shards.reader import UNREADABLE, ShardReader
from avme.shards.record import ClipRecord
from avme.verify.problem import Problem, short

_ROWS_PER_FRAME = 4
_FRAMES_LOOKED_AT = 5
_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What `dataset.json` and `plan.json` say of a shard."""

    path: Path
    sha256: str
    num_bytes: int
    num_clips: int
    """Good clips."""
    ids: tuple[str, ...] | None
    """All clips in order, quarantined ones too; None where no plan tells."""

    @property
    def name(self) -> str:
        """The file below the set's folder."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class ShardCheck:
    """What came out."""

    problems: tuple[Problem, ...]
    stored: Stored | None
    """Its clips; None where it cannot be read."""
    num_clips_seen: int = 0
    num_pictures: int = 0
    """Decoded."""


def check_shard(facts: ShardFacts, seed: Sequence[int] | None) -> ShardCheck:
    """Looks at one shard; `seed` draws one clip and takes some frames of it, None takes all."""
    found = _bytes_problem(facts)
    if found:
        return ShardCheck((_problem(facts, found),), None)
    reader = ShardReader(facts.path)
    try:
        reader.require_columns()
        problems = [_problem(facts, what) for what in _column_problems(reader)]
        if problems:
            return ShardCheck(tuple(problems), None)
        stored = stored_in(reader)
        problems = [_problem(facts, what) for what in _clip_problems(facts, reader, stored)]
        if problems or not stored.good:
            return ShardCheck(tuple(problems), stored)
        rows = range(len(stored.good))
        if seed is not None:
            rows = range(first := int(np.random.default_rng(seed).choice(rows)), first + 1)
        num_pictures = 0
        for row in rows:
            record = stored.good[row].record
            frames = _frames(record.frames, every=seed is None)
            num_pictures += len(frames)
            if what := _picture_problem(reader, row, record, frames):
                clip = f"clip {record.id} in {facts.name}"
                problems.append(Problem(clip, what, delete=facts.name))
        return ShardCheck(tuple(problems), stored, len(rows), num_pictures)
    except (ArtifactError, *UNREADABLE) as error:
        why = error.__cause__ or error
        return ShardCheck((_problem(facts, f"cannot be read as a shard ({why})"),), None)
    finally:
        reader.close()


def _problem(facts: ShardFacts, what: str) -> Problem:
    return Problem(facts.name, what, delete=facts.name)


def _bytes_problem(facts: ShardFacts) -> str:
    try:
        status = facts.path.lstat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            return "is a link or no regular file, expected a file of the set"
        if status.st_size != facts.num_bytes:
            return f"has {status.st_size} bytes, expected {facts.num_bytes}"
        sha256 = sha256_of(facts.path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if sha256 != facts.sha256:
        return f"has SHA-256 {short(sha256)}, expected {short(facts.sha256)}: bytes have changed"
    return ""


def _column_problems(reader: ShardReader) -> Iterator[str]:
    """Offsets that leave their blob, columns of another length than the clips."""
    num_bytes, num_frames, num_rows = (reader.length(k) for k in ("jpeg", "pts", "mfcc"))
    num_clips = reader.length("id")
    for name, count, end, strictly in (
        ("frame_offset", num_frames, num_bytes, True),
        ("clip_frame", num_clips, num_frames, True),
        ("clip_mfcc", num_clips, num_rows, False),
    ):
        yield from _offset_problem(name, reader.column(name), count, end, strictly)
    for name in (*_RECORDED, "mfcc_begin", "mfcc_end", "mfcc_sum", "mfcc_square"):
        if reader.length(name) != num_clips:
            yield f"column {name} has {reader.length(name)} rows, expected {num_clips}"
    begins = range(0, num_rows, _ROWS_AT_ONCE)
    if not all(np.isfinite(reader.part("mfcc", at, at + _ROWS_AT_ONCE)).all() for at in begins):
        yield "column mfcc holds values that are no numbers"


def _offset_problem(
    name: str, offsets: Int64[np.ndarray, " n"], count: int, end: int, strictly: bool
) -> Iterator[str]:
    if len(offsets) != count + 1:
        yield f"column {name} has {len(offsets)} offsets, expected {count + 1}"
        return
    falls = np.flatnonzero(np.diff(offsets) < (1 if strictly else 0))
    if len(falls):
        at = int(falls[0])
        steps = f"goes from {offsets[at]} to {offsets[at + 1]} at {at}"
        yield f"column {name} {steps}, expected to {'rise' if strictly else 'never fall'}"
    elif (int(offsets[0]), int(offsets[-1])) != (0, end):
        yield f"column {name} spans {offsets[0]} to {offsets[-1]}, expected 0 to {end}"


_RECORDED = {
    "id": "id",
    "class": "class_name",
    "group": "group",
    "source_sha256": "source_sha256",
    "label": "label",
    "has_audio": "usable_audio",
    "width": "width",
    "height": "height",
    "fps_num": "fps_num",
    "fps_den": "fps_den",
}
"""Columns that repeat what the records say."""


def _clip_problems(facts: ShardFacts, reader: ShardReader, stored: Stored) -> Iterator[str]:
    """Clips that the plan or the manifest does not expect; records that columns contradict."""
    ids = tuple(record.id for record in reader.records())
    if facts.ids is not None and ids != facts.ids:
        strange = sorted(set(ids) ^ set(facts.ids))
        what = f"such as {strange[0]}" if strange else "in another order"
        yield f"holds other clips than plan.json says, {what}"
    if len(stored.good) != facts.num_clips:
        yield f"holds {len(stored.good)} good clips, dataset.json says {facts.num_clips}"
    columns = {name: reader.column(name) for name in _RECORDED}
    spans = {name: reader.column(name) for name in ("clip_mfcc", "mfcc_begin", "mfcc_end")}
    if len(stored.good) != len(columns["id"]):
        yield f"has {len(columns['id'])} rows, its records tell of {len(stored.good)} good clips"
        return
    for clip in stored.good:
        record, row = clip.record, clip.row
        for name, attribute in _RECORDED.items():
            found, expected = _plain(columns[name][row]), getattr(record, attribute)
            if found != expected:
                yield f"clip {record.id}: column {name} holds {found!r}, its record {expected!r}"
        times = reader.pts(row)
        if len(times) != record.frames:
            yield f"clip {record.id} has {len(times)} frames, its record says {record.frames}"
        if not np.isfinite(times).all() or times[0] != 0.0 or (np.diff(times) < 0).any():
            yield f"clip {record.id}: times of frames do not go on from 0"
        begin, end = int(spans["mfcc_begin"][row]), int(spans["mfcc_end"][row])
        first, last = (int(spans["clip_mfcc"][row + step]) for step in (0, 1))
        if last - first not in (0, _ROWS_PER_FRAME * record.frames):
            yield (
                f"clip {record.id} has {last - first} MFCC rows, expected none or "
                f"{_ROWS_PER_FRAME * record.frames}"
            )
        if not 0 <= begin <= end <= last - first or record.usable_audio != (begin < end):
            yield f"clip {record.id}: sound from row {begin} to {end} of {last - first}"
            continue
        heard = reader.part("mfcc", first + begin, first + end).astype(np.float64)
        sums = (heard.sum(axis=0), (heard**2).sum(axis=0))
        if not all(map(np.allclose, sums, (clip.mfcc_sum, clip.mfcc_square))):
            yield f"clip {record.id}: the sums of its MFCC rows are not those of its rows"


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value.item()


def _frames(num_frames: int, *, every: bool) -> list[int]:
    """All, or the first, the last and some between."""
    if every:
        return list(range(num_frames))
    return sorted({int(i) for i in np.linspace(0, num_frames - 1, _FRAMES_LOOKED_AT).round()})


def _picture_problem(
    reader: ShardReader, row: int, record: ClipRecord, frames: Sequence[int]
) -> str:
    expected = f"{record.width}x{record.height}"
    try:
        require_possible(record.height, record.width)
    except ValueError as error:
        return f"its record tells of {error}"
    bad = [
        (frame, found)
        for frame, blob in zip(frames, reader.frames(row, frames), strict=True)
        if (found := _size(blob, expected)) != expected
    ]
    if not bad:
        return ""
    frame, found = bad[0]
    return (
        f"{len(bad)} of {len(frames)} pictures are broken, first frame {frame}: found {found}, "
        f"expected {expected}"
    )


def _size(blob: NDArray[np.uint8], expected: str) -> str:
    """Return the size of a picture; one whose header says another than expected is not decoded."""
    try:
        height, width = declared_size(blob)
        if f"{width}x{height}" == expected:
            height, width, _ = simplejpeg.decode_jpeg(blob, "RGB").shape
    except ValueError as error:
        return f"no picture ({error})"
    return f"{width}x{height}"
