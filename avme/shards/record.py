"""Record of a clip: a row of `index.csv`, or of `quarantine.csv` if it has a reason.

A shard stores the records of its clips as JSON lines, so that all tables can be rebuilt from the
shards alone.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from avme.audio.loudness import AUDIO_STATES
from avme.errors import MediaError
from avme.io.strict_json import parse_json, typed_record
from avme.media.decode import DecodedClip
from avme.sources.clip_table import SourceClip

_COUNTS: Final = (
    *("label", "num_bytes", "frames", "frames_from_header", "fps_num", "fps_den", "width"),
    *(
        "height",
        "audio_sample_rate_hz",
        "audio_channels",
        "seconds",
        "audio_seconds",
        "silent_fraction",
    ),
)
_NUMBERS: Final = ("audio_start_seconds", "rms_dbfs", "peak_dbfs")
_MOST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """Facts about one clip; unknown values are None."""

    id: str
    class_name: str
    label: int
    group: str
    num_bytes: int
    source_sha256: str | None = None
    frames: int = 0
    """Number of decoded frames."""
    frames_from_header: int | None = None
    """Number of frames by the header; only for full files."""
    fps_num: int = 0
    fps_den: int = 1
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    video_codec: str | None = None
    audio: str = "none"
    """State of the audio, one of `AUDIO_STATES`."""
    audio_codec: str | None = None
    audio_sample_rate_hz: int | None = None
    audio_channels: int | None = None
    audio_start_seconds: float | None = None
    """Start of the audio relative to the first frame."""
    audio_seconds: float = 0.0
    rms_dbfs: float | None = None
    peak_dbfs: float | None = None
    silent_fraction: float | None = None
    usable_audio: bool = False
    warnings: str = ""
    """Warnings as `code: sentence`, joined by ` | `, messages of ffmpeg last."""
    reason: str = ""
    """Short code of the reason for quarantine; empty for a valid clip."""
    message: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for impossible values: tables and shards may be untrusted."""
        if self.audio not in AUDIO_STATES:
            raise ValueError(f"audio is {self.audio!r}, expected {', '.join(AUDIO_STATES)}")
        for name in _COUNTS:
            if not 0 <= (getattr(self, name) or 0) <= _MOST:
                raise ValueError(f"{name} is {getattr(self, name)!r:.40}, expected 0 to {_MOST}")
        if self.fps_den == 0:
            raise ValueError("fps_den is 0")
        for name in _NUMBERS:
            if not math.isfinite(getattr(self, name) or 0.0):
                raise ValueError(f"{name} is not finite")


def record_of(clip: SourceClip, label: int, sha256: str, media: DecodedClip) -> ClipRecord:
    """Return the record of a decoded clip.

    Args:
        clip: Source clip.
        label: Class index.
        sha256: Hash of the source file.
        media: Decoded clip.
    """
    audio, loudness = media.info.audio, media.loudness
    return ClipRecord(
        id=clip.id,
        class_name=clip.class_name,
        label=label,
        group=clip.group,
        num_bytes=clip.num_bytes,
        source_sha256=sha256,
        frames=len(media.pts),
        frames_from_header=None if clip.span else media.info.num_frames_from_header,
        fps_num=media.fps.numerator,
        fps_den=media.fps.denominator,
        seconds=round(media.seconds, 6),
        width=media.width,
        height=media.height,
        video_codec=media.info.codec,
        audio=media.audio,
        audio_codec=audio.codec if audio else None,
        audio_sample_rate_hz=audio.sample_rate_hz if audio else None,
        audio_channels=audio.channels if audio else None,
        audio_start_seconds=_rounded(media.audio_start_seconds),
        audio_seconds=round(media.audio_seconds, 6),
        rms_dbfs=loudness.rms_dbfs if loudness else None,
        peak_dbfs=loudness.peak_dbfs if loudness else None,
        silent_fraction=_rounded(loudness.silent_fraction) if loudness else None,
        usable_audio=media.audio_rows[1] > media.audio_rows[0],
        warnings=_on_one_line(" | ".join((*media.warnings, *_said(media.ffmpeg_log)))),
    )


def quarantined(
    clip: SourceClip, label: int, error: MediaError, sha256: str | None = None
) -> ClipRecord:
    """Return the record of a clip that could not be prepared.

    Args:
        clip: Source clip.
        label: Class index.
        error: Reason.
        sha256: Hash of an unchanged source file: with the same bytes it is not retried.
    """
    return ClipRecord(
        id=clip.id,
        class_name=clip.class_name,
        label=label,
        group=clip.group,
        num_bytes=clip.num_bytes,
        source_sha256=None if error.reason == "changed" else sha256,
        reason=error.reason,
        message=_on_one_line(str(error)),
    )


def to_lines(records: Iterable[ClipRecord]) -> bytes:
    """Format records as JSON lines."""
    return b"".join(
        json.dumps(asdict(record), ensure_ascii=True, allow_nan=False).encode() + b"\n"
        for record in records
    )


def from_lines(lines: bytes) -> tuple[ClipRecord, ...]:
    """Parse JSON lines; raises ValueError if a value has another type."""
    return tuple(typed_record(ClipRecord, parse_json(line)) for line in lines.splitlines())


def _on_one_line(text: str) -> str:
    """Return text on one line: file names and messages of ffmpeg may contain line breaks."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _said(complaints: str) -> tuple[str, ...]:
    return (f"damaged: {complaints}",) if complaints else ()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
