"""Cost estimate from a few clips that are prepared in a temporary folder.

Costs are assumed to grow with the bytes of the videos; for segments with their seconds; for open
segments with the number of clips.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import av
import av.error

from avme.errors import MediaError
from avme.io.disk import writing
from avme.io.hashing import sha256_of
from avme.media.container.probe import open_media
from avme.media.decode import Recipe, decode
from avme.media.span import Span
from avme.shards.record import record_of
from avme.shards.writer import ShardWriter
from avme.sources.clip_table import Selection, SourceClip

_MOST_CLIPS = 8
_MOST_SECONDS = 10.0
_PART_SECONDS = 4.0
"""Length that is prepared from the middle of a clip that is at least five times as long."""
_TIMEOUT_SECONDS = 60.0

Unit = Literal["byte", "second", "clip"]


@dataclass(frozen=True, slots=True)
class CostRate:
    """Cost of the sample per unit of size."""

    unit: Unit
    num_clips: int
    num_bad: int
    measured_seconds: float
    bytes_per_shard: float
    """Size of a shard without clips."""
    bytes_per_unit: float
    seconds_per_unit: float

    def num_bytes(self, clips: Iterable[SourceClip]) -> float:
        """Estimate the size of one shard of these clips."""
        return self.bytes_per_shard + self.bytes_per_unit * sum(
            _size(clip, self.unit) for clip in clips
        )

    def seconds(self, clips: Iterable[SourceClip]) -> float:
        """Estimate the time of one process."""
        return self.seconds_per_unit * sum(_size(clip, self.unit) for clip in clips)


def measure_cost(clips: Selection, recipe: Recipe) -> CostRate:
    """Prepare up to eight clips spread over `clips`, starting none after ten seconds.

    Raises SystemRequirementError if the temporary folder lacks space.
    """
    recipe = replace(recipe, timeout_seconds=min(recipe.timeout_seconds, _TIMEOUT_SECONDS))
    unit = _unit(clips)
    began = time.monotonic()
    num_bytes = seconds = size = empty = 0.0
    num_clips = num_bad = 0
    with TemporaryDirectory(prefix="avme-") as name, writing(Path(name)):
        for clip in _spread(clips):
            if num_clips and time.monotonic() - began > _MOST_SECONDS:
                break
            cost = _prepare(clip, Path(name), recipe)
            num_clips += 1
            num_bad += cost.is_bad
            num_bytes += cost.num_bytes
            empty = max(empty, cost.empty_bytes)
            seconds += cost.seconds
            size += _size(clip, unit)
    return CostRate(
        unit=unit,
        num_clips=num_clips,
        num_bad=num_bad,
        measured_seconds=time.monotonic() - began,
        bytes_per_shard=empty,
        bytes_per_unit=num_bytes / size if size else 0.0,
        seconds_per_unit=seconds / size if size else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    num_bytes: float
    seconds: float
    empty_bytes: float = 0.0
    is_bad: bool = False


def _prepare(clip: SourceClip, work: Path, recipe: Recipe) -> _Cost:
    began = time.monotonic()
    try:
        digest = sha256_of(clip.path)
        hashed = time.monotonic()
        span, scale = _part(clip)
        with ShardWriter(work / "spool", recipe.num_cepstra) as shard:
            shard.write(work / "empty.h5")
            media = decode(clip.path, shard.spool, work=work, recipe=recipe, span=span)
            shard.add(record_of(clip, 0, digest, media), media)
            shard.write(work / "shard.h5")
    except (MediaError, FileNotFoundError, PermissionError):
        return _Cost(0.0, time.monotonic() - began, is_bad=True)
    empty = float((work / "empty.h5").stat().st_size)
    num_bytes = (work / "shard.h5").stat().st_size - empty
    seconds = hashed - began + scale * (time.monotonic() - hashed)
    return _Cost(scale * num_bytes, seconds, empty)


def _part(clip: SourceClip) -> tuple[Span | None, float]:
    """Return the prepared part of a clip, and the ratio of the clip to the part."""
    start = clip.span.start_seconds if clip.span else 0.0
    end = clip.span.end_seconds if clip.span else None
    if end is None:
        end = _length_seconds(clip.path)
    if end is None or end - start < 5 * _PART_SECONDS:
        return clip.span, 1.0
    middle = (start + end) / 2
    part = Span(middle - _PART_SECONDS / 2, middle + _PART_SECONDS / 2)
    return part, (end - start) / _PART_SECONDS


def _length_seconds(path: Path) -> float | None:
    try:
        with open_media(path) as container:
            return container.duration / av.time_base if container.duration else None
    except (av.error.FFmpegError, ValueError, OverflowError):
        return None


def _unit(clips: Selection) -> Unit:
    if clips.clips.spans is None or not any(clip.span for clip in clips):
        return "byte"
    if all(clip.span and clip.span.end_seconds is not None for clip in clips):
        return "second"
    return "clip"


def _size(clip: SourceClip, unit: Unit) -> float:
    if unit == "byte":
        return float(clip.num_bytes)
    if unit == "second" and clip.span and clip.span.end_seconds is not None:
        return clip.span.end_seconds - clip.span.start_seconds
    return 1.0


def _spread(clips: Selection) -> list[SourceClip]:
    """Order clips so that any first few are spread over the list."""
    indices = [
        (2 * index + 1) * len(clips) // (2 * _MOST_CLIPS) for index in (0, 4, 2, 6, 1, 5, 3, 7)
    ]
    return [clips[index] for index in dict.fromkeys(indices)]
