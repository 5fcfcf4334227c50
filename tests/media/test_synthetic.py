"""The demo's videos: what prep reads is what was planned, and neither half tells the class."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.media.container.probe import probe
from avme.media.synthetic import (
    FPS,
    NUM_FRAMES,
    SEEN,
    SIDE_PIXELS,
    Seen,
    SyntheticClip,
    make_set,
    plan_set,
    render_audio,
    render_video,
    write_clip,
)
from avme.media.synthetic_audio import HEARD, Heard
from avme.progress import NullReporter
from avme.sources.folder import find_videos


def clip_of(seen: Seen = "Balls", heard: Heard = "Bell", group: int = 1) -> SyntheticClip:
    return SyntheticClip(seen=seen, heard=heard, group=group, number=1, seed=0)


def test_plan_set_has_every_pair_of_patterns_in_every_group() -> None:
    clips = plan_set(groups=(1, 2, 3), clips_per_group=2, seed=0)

    for group in (1, 2, 3):
        pairs = [(clip.seen, clip.heard) for clip in clips if clip.group == group]
        assert sorted(pairs) == sorted(2 * [(seen, heard) for seen in SEEN for heard in HEARD])


def test_plan_set_has_one_silent_clip_and_one_without_track_in_the_last_group() -> None:
    clips = plan_set(groups=(1, 2, 3), clips_per_group=2, seed=0)

    odd = [clip for clip in clips if clip.audio != "audible"]

    assert sorted(clip.audio for clip in odd) == ["none", "silent"]
    assert {clip.group for clip in odd} == {3}


@pytest.mark.slow
def test_make_set_is_laid_out_as_ucf101(tmp_path: Path) -> None:
    clips = plan_set(groups=(1,), clips_per_group=1, seed=0)

    make_set(clips, tmp_path, NullReporter())

    found = find_videos(tmp_path, "ucf101", [])
    assert [(clip.id, clip.class_name, clip.group) for clip in found] == sorted(
        (clip.id, clip.class_name, f"{clip.class_name}/g01") for clip in clips
    )


def test_write_clip_has_the_requested_size_rate_and_tracks(tmp_path: Path) -> None:
    spoken = probe(write_clip(clip_of(), tmp_path))
    mute = SyntheticClip(seen="Bars", heard="Bell", group=1, number=1, seed=0, audio="none")

    assert (spoken.width, spoken.height) == (SIDE_PIXELS, SIDE_PIXELS)
    assert spoken.fps == Fraction(FPS)
    assert spoken.num_frames_from_header == NUM_FRAMES
    assert spoken.audio is not None
    assert (spoken.audio.codec, spoken.audio.sample_rate_hz) == ("pcm_s16le", 16_000)
    assert probe(write_clip(mute, tmp_path)).audio is None


def test_write_clip_into_a_file_as_folder_raises_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="file"):
        write_clip(clip_of(), tmp_path / "file")


def test_write_clip_is_determined_by_the_seed(tmp_path: Path) -> None:
    again = SyntheticClip(seen="Balls", heard="Bell", group=1, number=1, seed=1)

    digests = [
        hashlib.sha256(write_clip(clip, tmp_path / name).read_bytes()).hexdigest()
        for name, clip in (("a", clip_of()), ("b", clip_of()), ("c", again))
    ]

    assert digests[0] == digests[1] != digests[2]


def test_clips_of_one_group_share_their_background_and_those_of_others_do_not() -> None:
    corners = [
        render_video(clip)[0, :4, :4].mean(axis=(0, 1))
        for clip in (clip_of(), clip_of(seen="Rings"), clip_of(group=2))
    ]

    assert np.abs(corners[0] - corners[1]).max() < 8
    assert np.abs(corners[0] - corners[2]).max() > 8


@pytest.mark.parametrize("seen", SEEN)
def test_render_video_patterns_move(seen: Seen) -> None:
    frames = render_video(clip_of(seen)).astype(float)

    assert (np.abs(frames[0] - frames[NUM_FRAMES // 2]).max(axis=-1) > 60).sum() > 50


@pytest.mark.parametrize("heard", HEARD)
def test_render_audio_has_the_video_length_and_no_clipping(heard: Heard) -> None:
    samples = render_audio(clip_of(heard=heard)).astype(float) / 32_768

    assert len(samples) == NUM_FRAMES * 16_000 // FPS
    assert 0.005 < samples.std() < 0.25
    assert (np.abs(samples) > 0.999).mean() < 0.01


def test_render_audio_of_silent_clip_is_zero() -> None:
    silent = SyntheticClip(seen="Balls", heard="Bell", group=1, number=1, seed=0, audio="silent")

    assert not render_audio(silent).any()
