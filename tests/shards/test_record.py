"""Record of a clip: limits, JSON lines, decoded and quarantined clips."""

import math
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avme.errors import MediaError
from avme.media.container.probe import MediaInfo
from avme.media.decode import DecodedClip
from avme.media.span import Span
from avme.shards.record import ClipRecord, from_lines, quarantined, record_of, to_lines
from avme.sources.clip_table import SourceClip

CLIP = SourceClip("A/a.avi", Path("A/a.avi"), "A", "g01", None, num_bytes=99, mtime_ns=1)
MEDIA = DecodedClip(
    info=MediaInfo(
        stream=0,
        codec="mpeg4",
        width=16,
        height=12,
        fps=Fraction(25),
        time_base=Fraction(1, 25),
        num_frames_from_header=4,
        start_seconds=0.0,
        audio=None,
    ),
    width=8,
    height=6,
    fps=Fraction(30_000, 1001),
    jpeg_bytes=np.ones(3, dtype=np.int64),
    pts=np.arange(3) * 1001 / 30_000,
    audio="none",
    loudness=None,
    audio_start_seconds=-1 / 3,
    audio_seconds=2 / 3,
    mfcc=np.zeros((0, 13), dtype=np.float32),
    audio_rows=(0, 0),
    ffmpeg_log="",
)


def record(clip_id: str, frames: int, reason: str = "") -> ClipRecord:
    return ClipRecord(clip_id, "Class", 0, "g01", 1, frames=frames, fps_num=25, reason=reason)


def test_from_lines_of_to_lines_returns_the_records() -> None:
    records = (record("a\u2028b", 3), record("ü", 0, reason="x"))

    assert from_lines(to_lines(records)) == records


LINE = to_lines([record("a", 3)])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{}", "missing"),
        (b'{"id": 1}', "id is int"),
        (LINE.replace(b'"frames": 3', b'"frames": "3"'), "frames is str"),
        (LINE.replace(b'"frames": 3', b'"frames": -3'), "frames is -3, expected 0 to"),
        (LINE.replace(b'"frames": 3', b'"frames": NaN'), "NaN is not a JSON number"),
        (LINE.replace(b'"label": 0', b'"label": true'), "label is bool"),
        (LINE + b"half", "Expecting value"),
    ],
)
def test_from_lines_with_other_types_or_values_is_refused(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_lines(line)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"audio": "loud"}, "audio is 'loud', expected audible, silent, none"),
        ({"width": -1}, "width is -1, expected 0 to "),
        ({"frames_from_header": 2**63}, "frames_from_header is 9223372036854775808, expected"),
        ({"seconds": math.nan}, "seconds is nan"),
        ({"fps_den": 0}, "fps_den is 0"),
        ({"rms_dbfs": -math.inf}, "rms_dbfs is not finite"),
    ],
)
def test_clip_record_with_impossible_value_is_refused(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        replace(record("a", 3), **changes)


def test_record_of_decoded_clip_has_its_facts() -> None:
    found = record_of(CLIP, 7, "f" * 64, MEDIA)

    assert (found.id, found.class_name, found.label, found.num_bytes) == ("A/a.avi", "A", 7, 99)
    assert (found.frames, found.frames_from_header) == (3, 4)
    assert (found.fps_num, found.fps_den) == (30_000, 1001)
    assert (found.width, found.height, found.video_codec) == (8, 6, "mpeg4")
    assert found.seconds == round(3 * 1001 / 30_000, 6)
    assert (found.audio_start_seconds, found.audio_seconds) == (-0.333333, 0.666667)
    assert (found.audio_codec, found.rms_dbfs, found.usable_audio) == (None, None, False)
    assert (found.reason, found.warnings) == ("", "")


def test_record_of_span_has_no_number_of_frames_from_the_header() -> None:
    assert record_of(replace(CLIP, span=Span(1.0, 2.0)), 0, "", MEDIA).frames_from_header is None


def test_record_of_clip_with_warnings_has_them_on_one_line_before_those_of_ffmpeg() -> None:
    media = replace(MEDIA, warnings=("late: by 1 s", "name: a\nb"), ffmpeg_log="bad\x1b[2J bits")

    warnings = record_of(CLIP, 0, "", media).warnings

    assert warnings == "late: by 1 s | name: a\\nb | damaged: bad\\x1b[2J bits"


@pytest.mark.parametrize(("reason", "sha256"), [("unreadable", "f" * 64), ("changed", None)])
def test_quarantined_keeps_the_hash_of_unchanged_files_only(
    reason: str, sha256: str | None
) -> None:
    error = MediaError("no\nvideo", reason=reason)

    found = quarantined(CLIP, 0, error, "f" * 64)

    assert asdict(found) == asdict(
        ClipRecord(
            *("A/a.avi", "A", 0, "g01", 99),
            source_sha256=sha256,
            reason=reason,
            message=str(error).replace("\n", "\\n"),
        )
    )
