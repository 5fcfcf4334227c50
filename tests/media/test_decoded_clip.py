"""Decoded clip: samples that give its MFCC again, whatever part of the track the frames show."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.audio.mfcc import SAMPLE_RATE_HZ, mfcc_rows, row_starts, window_seconds
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span

MakeVideo = Callable[..., Path]
NOISE = "anoisesrc=r=16000:a=0.3:seed=3:d=4"


def decoded(
    path: Path, work: Path, span: Span | None = None, *, keep_audio: bool = True
) -> DecodedClip:
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0, keep_audio=keep_audio)
    return decode(path, io.BytesIO(), work=work, recipe=recipe, span=span)


def recomputed(media: DecodedClip) -> np.ndarray:
    starts = row_starts(media.pts, media.fps, media.last_seconds) - media.pcm_start_seconds
    return mfcc_rows(media.pcm, SAMPLE_RATE_HZ, starts, window_seconds(media.fps), 13)


@pytest.mark.parametrize("fps", ["25", "30000/1001", "12", "1"])
def test_pcm_of_full_file_gives_the_mfcc_again(
    fps: str, tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.mkv", frames=30, fps=fps, audio=NOISE)

    media = decoded(clip, tmp_path)

    assert media.audio == "audible"
    assert isinstance(media.pcm, np.memmap)
    assert np.array_equal(recomputed(media), media.mfcc)
    window = window_seconds(Fraction(fps))
    shown = min(media.seconds + window, media.audio_seconds) * SAMPLE_RATE_HZ
    assert min(media.seconds, media.audio_seconds) * SAMPLE_RATE_HZ - 2 < len(media.pcm)
    assert len(media.pcm) < shown + 2
    assert -1.5 / SAMPLE_RATE_HZ < media.pcm_start_seconds < 0.05


@pytest.mark.parametrize("span", [Span(0.5, 1.5), Span(1.01, 1.8), Span(0.93, None)])
def test_pcm_of_segment_is_that_of_its_seconds(
    span: Span, tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=50, audio=NOISE)

    whole, media = decoded(clip, tmp_path), decoded(clip, tmp_path, span)

    assert np.array_equal(recomputed(media), media.mfcc)
    # no frame begins with the segment, so that its time zero is its start
    moved = span.start_seconds + media.pcm_start_seconds - whole.pcm_start_seconds
    shift = round(moved * SAMPLE_RATE_HZ)
    same = whole.pcm[shift : shift + len(media.pcm)]
    error = np.abs(same.astype(int) - media.pcm[: len(same)])
    assert len(same) > 0.6 * SAMPLE_RATE_HZ
    assert error[100:-100].max() <= 1


def test_pcm_of_track_that_starts_late_begins_with_it(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    late = ("-af", "asetpts=PTS+0.4/TB")
    clip = make_video(tmp_path / "clip.mkv", frames=50, audio=NOISE, options=late)

    media = decoded(clip, tmp_path)

    assert media.audio_start_seconds == media.pcm_start_seconds == pytest.approx(0.4, abs=0.05)
    assert np.array_equal(recomputed(media), media.mfcc)


def test_pcm_of_silent_clip_or_without_keep_audio_is_empty(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    noise = make_video(tmp_path / "noise.avi", audio=NOISE)
    silent = make_video(tmp_path / "silent.avi", audio="anullsrc=r=16000:cl=mono")

    kept, dropped = (decoded(noise, tmp_path, keep_audio=keep) for keep in (True, False))

    assert len(kept.pcm) > 0
    assert len(dropped.pcm) == 0
    assert np.array_equal(kept.mfcc, dropped.mfcc)
    assert len(decoded(silent, tmp_path).pcm) == 0


def test_pcm_stays_readable_when_the_next_clip_is_decoded(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clips = [
        make_video(tmp_path / f"{seed}.avi", audio=f"anoisesrc=r=16000:a=0.3:seed={seed}")
        for seed in (1, 2)
    ]

    first = decoded(clips[0], tmp_path)
    before = first.pcm.copy()
    second = decoded(clips[1], tmp_path)

    assert np.array_equal(first.pcm, before)
    assert not np.array_equal(first.pcm, second.pcm)


def test_seconds_end_with_the_last_frame(tmp_path: Path, make_video: MakeVideo) -> None:
    media = decoded(make_video(tmp_path / "clip.avi", frames=10), tmp_path)

    assert media.last_frame_seconds == pytest.approx(0.04)
    assert media.seconds == pytest.approx(0.4)
