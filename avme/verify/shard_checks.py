"""Checks of one shard: size, SHA-256, types of columns, clips, their audio, some of their JPEGs.

Each is made only if those before found nothing. A file with a wrong hash is not opened, as HDF5 is
not robust against damage; in a file with the right hash the columns are as written, and only
numbers and times of frames and of audio samples are compared with the records.
"""

import math
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from avme.audio.mfcc import SAMPLE_RATE_HZ, window_seconds
from avme.errors import ArtifactError
from avme.io.filenames import DATASET_MANIFEST, PLAN
from avme.io.hashing import sha256_of
from avme.shards.contents import ShardContents, read_contents
from avme.shards.jpeg import declared_size, require_possible
from avme.shards.reader import UNREADABLE, ShardReader
from avme.shards.record import ClipRecord
from avme.verify.problem import Problem, short_hash

_FRAMES_LOOKED_AT = 5
_ROUNDING_SECONDS = 2e-6
_ROUNDING_SAMPLES = 2
"""Tolerance for times that are rounded to microseconds, and to samples."""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """Facts about a shard in `dataset.json` and `plan.json`."""

    path: Path
    sha256: str
    num_bytes: int
    num_clips: int
    """Number of valid clips."""
    ids: tuple[str, ...] | None
    """All clips in order, quarantined ones included; None without a plan."""
    keep_audio: bool = True
    """True if the audio of audible clips is stored."""

    @property
    def name(self) -> str:
        """Path below the dataset's folder."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class ShardCheck:
    """Result of the checks of a shard."""

    problems: tuple[Problem, ...]
    stored: ShardContents | None
    """Clips of the shard; None if it cannot be read."""
    num_clips_seen: int = 0
    num_pictures: int = 0
    """Number of decoded frames."""


def check_shard(facts: ShardFacts, seed: Sequence[int] | None) -> ShardCheck:
    """Check one shard; `seed` selects one clip and some of its frames, None selects all."""
    found = _bytes_problem(facts)
    if found:
        return ShardCheck((_problem(facts, found),), None)
    reader = ShardReader(facts.path)
    try:
        reader.require_columns()
        stored = read_contents(reader)
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
            if what := _frame_problem(reader, row, record, frames):
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
        if not stat.S_ISREG(status.st_mode):  # a pipe would block
            return "is a link or no regular file, expected a file of the set"
        if status.st_size != facts.num_bytes:
            return f"has {status.st_size} bytes, expected {facts.num_bytes}"
        sha256 = sha256_of(facts.path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if sha256 != facts.sha256:
        found, expected = short_hash(sha256), short_hash(facts.sha256)
        return f"has SHA-256 {found}, expected {expected}: bytes have changed"
    return ""


def _clip_problems(facts: ShardFacts, reader: ShardReader, stored: ShardContents) -> Iterator[str]:
    """Compare the clips with plan and manifest, and their frames and audio with what is stored."""
    ids = tuple(record.id for record in reader.records())
    if facts.ids is not None and ids != facts.ids:
        strange = sorted(set(ids) ^ set(facts.ids))
        what = f"such as {strange[0]}" if strange else "in another order"
        yield f"holds other clips than {PLAN}, {what}"
    if len(stored.good) != facts.num_clips:
        yield f"holds {len(stored.good)} good clips, {DATASET_MANIFEST} records {facts.num_clips}"
    most = reader.length("pts")
    for row, clip in enumerate(stored.good):
        if not (found := reader.num_frames(row)) == clip.record.frames <= most:
            yield f"clip {clip.record.id} has {found} frames, its record has {clip.record.frames}"
        for what in _time_problems(reader, row, clip.record, facts.keep_audio):
            yield f"clip {clip.record.id} {what}"
    for name in ("last_seconds", "pcm_start"):
        if (found := reader.length(name)) != len(reader):
            yield f"holds {found} values of {name}, expected {len(reader)}"
    length, total = reader.length("pcm"), sum(map(reader.num_samples, range(len(reader))))
    if length != total:
        yield f"holds {length} audio samples, its clips have {total}"


def _time_problems(
    reader: ShardReader, row: int, record: ClipRecord, keep_audio: bool
) -> Iterator[str]:
    """Compare the end of the last frame, and the place of the audio, with the record."""
    end_seconds = float(reader.pts(row)[-1:].sum()) + reader.last_seconds(row)
    if not abs(end_seconds - record.seconds) <= _ROUNDING_SECONDS:
        yield f"ends at {end_seconds:.6f} s, its record at {record.seconds:.6f} s"
    fewest, most = expected_samples(record) if keep_audio else (0, 0)
    if not fewest <= (found := reader.num_samples(row)) <= most:
        yield f"has {found} audio samples, its record allows {fewest} to {most}"
    elif found:
        start_seconds = reader.pcm(row)[1]
        expected = max(0.0, record.audio_start_seconds or 0.0)
        if abs(start_seconds - expected) > _ROUNDING_SAMPLES / SAMPLE_RATE_HZ:
            yield f"has audio from {start_seconds:.6f} s on, expected {expected:.6f} s"


def expected_samples(record: ClipRecord) -> tuple[int, int]:
    """Return the smallest and the largest number of stored audio samples by the record of a clip.

    They cover its frames, as far as the audio track does, and the rest of the last MFCC window.
    """
    if record.audio != "audible":
        return 0, 0
    begin = record.audio_start_seconds or 0.0
    end = begin + record.audio_seconds
    window = window_seconds(Fraction(record.fps_num, record.fps_den))
    shown = min(record.seconds, end) - max(0.0, begin)
    longest = min(record.seconds + window, end) - max(0.0, begin)
    return (
        max(0, math.floor(max(0.0, shown) * SAMPLE_RATE_HZ) - _ROUNDING_SAMPLES),
        math.ceil(max(0.0, longest) * SAMPLE_RATE_HZ) + _ROUNDING_SAMPLES,
    )


def _frames(num_frames: int, *, every: bool) -> list[int]:
    """Return all indices, or the first, the last and some between."""
    if every:
        return list(range(num_frames))
    return sorted({int(i) for i in np.linspace(0, num_frames - 1, _FRAMES_LOOKED_AT).round()})


def _frame_problem(reader: ShardReader, row: int, record: ClipRecord, frames: Sequence[int]) -> str:
    expected = f"{record.width}x{record.height}"
    try:
        require_possible(record.height, record.width)
    except ValueError as error:
        return f"its record has {error}"
    bad = [
        (frame, found)
        for frame, blob in zip(frames, reader.frames(row, frames), strict=True)
        if (found := _size(blob, expected)) != expected
    ]
    if not bad:
        return ""
    frame, found = bad[0]
    return (
        f"{len(bad)} of {len(frames)} frames are broken, first frame {frame}: found {found}, "
        f"expected {expected}"
    )


def _size(blob: NDArray[np.uint8], expected: str) -> str:
    """Return the size of a frame; one whose header states another size is not decoded."""
    try:
        height, width = declared_size(blob)
        if f"{width}x{height}" == expected:
            height, width, _ = simplejpeg.decode_jpeg(blob, "RGB").shape
    except ValueError as error:
        return f"no image ({error})"
    return f"{width}x{height}"
