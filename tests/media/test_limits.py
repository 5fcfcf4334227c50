"""No clip takes more than it may: seconds, pictures, pixels, room, memory."""

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avme.errors import MediaError
from avme.media.container.probe import probe
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import find_ffmpeg, transcode
from avme.media.timing import shown_seconds

MakeVideo = Callable[..., Path]

RECIPE = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
TRANSPORT = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-f", "mpegts")


def extracted(clip: Path, work: Path, **bounds: Any) -> DecodedClip:
    work.mkdir(exist_ok=True)
    return decode(clip, io.BytesIO(), work=work, recipe=replace(RECIPE, **bounds))


def reason_of(clip: Path, work: Path, **bounds: Any) -> str:
    with pytest.raises(MediaError) as caught:
        extracted(clip, work, **bounds)
    assert not list(work.glob("clip.*"))
    return caught.value.reason


def test_duration_limit_by_the_header_applies_before_decoding(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=4)
    avi = bytearray(clip.read_bytes())
    struct.pack_into("<I", avi, avi.index(b"vids") + 32, 10 * 3600 * 25)
    clip.write_bytes(avi)

    assert reason_of(clip, tmp_path / "work", max_seconds=3600.0) == "too-long"
    assert not (tmp_path / "work" / "ffmpeg.log").exists()


def test_duration_limit_without_header_applies_to_decoded_frames(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.ts", frames=50, options=TRANSPORT)

    assert reason_of(clip, tmp_path / "work", max_seconds=1.0) == "too-long"
    assert len(extracted(clip, tmp_path / "work", max_seconds=3.0).pts) == 50


def test_frame_limit_stops_the_decoding(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=30)
    monkeypatch.setattr("avme.media.ffmpeg.args.MAX_FRAMES", 20)
    monkeypatch.setattr("avme.media.limits.MAX_FRAMES", 20)

    assert reason_of(clip, tmp_path / "work") == "too-long"


def test_size_limit_stops_the_decoding(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=100, size="320x240")

    assert reason_of(clip, tmp_path / "work", max_bytes=100_000) == "too-large"


@pytest.mark.slow
def test_frames_of_16k_are_refused_before_decoding(tmp_path: Path, make_video: MakeVideo) -> None:
    options = ("-c:v", "mjpeg", "-q:v", "31")
    clip = make_video(tmp_path / "clip.avi", frames=1, size="16000x4400", options=options)

    assert reason_of(clip, tmp_path / "work") == "too-large"
    assert not (tmp_path / "work" / "ffmpeg.log").exists()


@pytest.mark.slow
def test_frames_that_grow_beyond_the_limit_are_refused(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than what ffmpeg reads ahead, or it refuses the whole file.
    small = make_video(tmp_path / "small.ts", frames=250, options=TRANSPORT)
    large = make_video(tmp_path / "large.ts", frames=5, size="320x240", options=TRANSPORT)
    (tmp_path / "clip.ts").write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr("avme.media.ffmpeg.args.MAX_PIXELS", 100 * 100)

    media = extracted(tmp_path / "clip.ts", tmp_path / "work")

    assert len(media.pts) == 250
    assert media.ffmpeg_log


@pytest.mark.slow
def test_ffmpeg_gets_no_more_memory_than_it_may(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=1, size="7680x4320", audio=None)
    info = probe(clip)
    arguments = transcode_arguments(
        find_ffmpeg(), clip, tmp_path / "out.nut", info, size=(48, 32), jpeg_quality=3
    )

    transcode(arguments, timeout_seconds=60.0, memory_bytes=3 * 1024**3)
    with pytest.raises(MediaError) as caught:
        transcode(arguments, timeout_seconds=60.0, memory_bytes=64 * 1024**2)

    assert caught.value.reason in ("crashed", "memory", "undecodable")


def test_file_claiming_many_frames_takes_no_memory(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.mp4", frames=4, audio=None, options=("-c:v", "libx264"))
    mp4 = bytearray(clip.read_bytes())
    struct.pack_into(">II", mp4, mp4.index(b"stsz") + 8, 1, 100_000_000)
    struct.pack_into(">I", mp4, mp4.index(b"stts") + 12, 100_000_000)
    struct.pack_into(">I", mp4, mp4.index(b"stsc") + 16, 100_000_000)
    clip.write_bytes(mp4)

    reason = reason_of(clip, tmp_path / "work", memory_bytes=1024**3, max_seconds=3600.0)

    assert reason in (
        "unreadable",
        "too-long",
        "undecodable",
        "crashed",
        "memory",
        "no-frames",
        "truncated",
    )


def test_clock_jump_is_not_shown() -> None:
    shown = np.arange(50) / 25
    pts = np.where(shown < 1, shown, shown + 7_199)

    assert shown_seconds(pts, Fraction(25)) == pytest.approx(2.0 - 1 / 25)
    assert shown_seconds(shown, Fraction(25)) == pytest.approx(2.0)


@pytest.mark.parametrize("jump_seconds", [1_000, 7_200])
@pytest.mark.slow
def test_transport_stream_with_clock_jump_is_complete(
    jump_seconds: int, tmp_path: Path, make_video: MakeVideo
) -> None:
    first = make_video(tmp_path / "first.ts", frames=25, options=TRANSPORT)
    later = (*TRANSPORT, "-output_ts_offset", str(jump_seconds))
    second = make_video(tmp_path / "second.ts", frames=25, options=later)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())

    media = extracted(joined, tmp_path / "work", max_seconds=3.0, min_decoded_fraction=0.5)

    assert len(media.pts) == 50
    assert reason_of(joined, tmp_path / "work", max_seconds=1.0) == "too-long"
