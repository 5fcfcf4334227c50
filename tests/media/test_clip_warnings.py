"""What is said of a clip that is not quite what its header promises."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from avme.errors import MediaError
from avme.media.clip_warnings import (
    audio_warnings,
    frame_warnings,
    lacks_content,
    require_min_decoded,
    shape_warnings,
)
from avme.media.container.probe import MediaInfo, probe
from avme.media.span import Span

INFO = MediaInfo(0, "mpeg4", 48, 32, Fraction(25), Fraction(1, 25), 180, 0.0, None, 7.2)


def sound_codes(start: float | None, seconds: float, num_tracks: int = 1) -> list[str]:
    info = replace(INFO, num_audio_tracks=num_tracks)
    return [warning.split(":")[0] for warning in audio_warnings(info, 2.0, start, seconds)]


def test_frame_warnings_name_both_counts() -> None:
    assert list(frame_warnings(INFO, 150)) == [
        "frames-differ: 150 frames decode, the header records 180"
    ]


@pytest.mark.parametrize("frames", [178, 180, 182])
def test_frame_warnings_ignore_two_frames(frames: int) -> None:
    assert list(frame_warnings(INFO, frames)) == []


@pytest.mark.parametrize("aspect", [None, Fraction(1), Fraction(405, 404), Fraction(404, 405)])
def test_square_pixels_are_not_worth_a_word(aspect: Fraction | None) -> None:
    assert list(shape_warnings(replace(INFO, pixel_aspect=aspect))) == []


@pytest.mark.parametrize("aspect", ["16/11", "10/11"])
def test_shape_warnings_of_other_pixel_aspect_name_it(
    tmp_path: Path, make_video: Callable[..., Path], aspect: str
) -> None:
    clip = make_video(tmp_path / "clip.mp4", options=("-vf", f"setsar={aspect}", "-c:a", "mp3"))

    (warning,) = shape_warnings(probe(clip))

    assert warning.startswith(f"not-square: the pixel aspect ratio is {aspect.replace('/', ':')},")


@pytest.mark.parametrize(
    ("start", "seconds", "codes"),
    [
        (0.0, 2.0, []),
        (0.0, 2.3, []),
        (0.3, 1.7, ["audio-late"]),
        (-0.3, 2.3, ["audio-early"]),
        (0.0, 1.0, ["audio-short"]),
        (0.0, 5.0, ["audio-long"]),
        (None, 0.0, ["audio-lost"]),
    ],
)
def test_audio_warnings_compare_audio_with_video(
    start: float | None, seconds: float, codes: list[str]
) -> None:
    assert sound_codes(start, seconds) == codes


def test_audio_warnings_without_track_are_empty() -> None:
    assert sound_codes(None, 0.0, num_tracks=0) == []


@pytest.mark.parametrize(
    ("end", "longest", "warning", "lacks"),
    [
        (7.0, 7.2, "short-cut: 1.000 s", True),
        (7.0, 7.2, "audio-short: audio ends", True),
        (7.0, None, "short-cut: 1.000 s", True),
        (7.0, 7.2, "audio-late: audio starts", False),
        (8.0, 7.2, "short-cut: 1.000 s", False),
        (None, 7.2, "audio-short: audio ends", False),
    ],
)
def test_lacks_content_short_cut_of_longer_file_only(
    end: float | None, longest: float | None, warning: str, lacks: bool
) -> None:
    info = replace(INFO, seconds_from_header=longest)

    assert lacks_content(info, Span(1.0, end), ["hdr: PQ", warning], 0.0) is lacks


@pytest.mark.parametrize(("missing", "lacks"), [(2.0, False), (3.0, True)])
def test_lacks_content_three_missing_frames_count(missing: float, lacks: bool) -> None:
    assert lacks_content(INFO, Span(1.0, 2.0), [], missing) is lacks


def test_require_min_decoded_of_few_frames_is_refused_with_both_counts() -> None:
    with pytest.raises(MediaError, match=r"10 frames .* 180 frames or 7\.2 s") as caught:
        require_min_decoded(INFO, 10, 0.4, 0.5)

    assert caught.value.reason == "truncated"


@pytest.mark.parametrize(
    ("frames", "seconds"),
    [
        (90, 3.6),  # half of it
        (60, 7.2),  # an AVI that repeats frames by empty chunks, or an edit list
        (170, 1.0),  # a broken clock
    ],
)
def test_require_min_decoded_with_half_of_frames_or_seconds_passes(
    frames: int, seconds: float
) -> None:
    require_min_decoded(INFO, frames, seconds, 0.5)


def test_require_min_decoded_without_header_values_passes() -> None:
    silent = replace(INFO, num_frames_from_header=None, seconds_from_header=None)

    require_min_decoded(silent, 1, 0.04, 0.5)


def test_probe_of_truncated_file_has_the_full_duration(shared: Path) -> None:
    assert probe(shared / "data" / "oddmedia" / "trunc_50.avi").seconds_from_header == 2.0


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.avi", "clip.webm"])
def test_probe_duration_is_that_of_the_frames(
    tmp_path: Path, make_video: Callable[..., Path], name: str
) -> None:
    codecs = ("-c:v", "libvpx", "-c:a", "libopus") if name == "clip.webm" else ("-c:a", "mp3")
    audio = "sine=frequency=440:sample_rate=48000"
    clip = make_video(tmp_path / name, frames=25, audio=audio, options=codecs)

    assert probe(clip).seconds_from_header == pytest.approx(1.0, abs=0.05)
