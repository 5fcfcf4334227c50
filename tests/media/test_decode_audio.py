"""A clip whose first track does not sound is given the first one that does."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span

pytestmark = pytest.mark.slow

HUM = ("-f", "lavfi", "-i", "sine=f=300:d=2")
SILENCE = ("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=2")
PICTURES = ("-map", "0:v", "-c:v", "mpeg4", "-c:a", "aac")
TWO = ("-map", "2:a", "-map", "1:a")
EMPTY = ("-filter:a:0", "aselect=0")
FIRST, SECOND = (
    ("-disposition:a:0", first, "-disposition:a:1", second)
    for first, second in (("default", "0"), ("0", "default"))
)
SOUNDS = "track 2 of 2 audio tracks is used, the first that is not silent"
DEFAULT = "track 2 of 2 audio tracks is used, the first that the container marks as default"
KINDS = {
    "first-silent.mp4": (SILENCE, (*TWO, *FIRST), SOUNDS),
    "first-silent.avi": (SILENCE, (*TWO, "-c:a", "pcm_s16le"), SOUNDS),
    "first-silent.ts": (SILENCE, TWO, SOUNDS),
    "first-empty.mkv": (HUM, (*TWO, *EMPTY, *FIRST), SOUNDS),
    "first-unknown.mkv": (HUM, (*TWO, "-c:a:0", "ac3", *FIRST), SOUNDS),
    "second-default.mkv": (HUM, (*TWO, *SECOND), DEFAULT),
    "default-silent.mkv": (
        SILENCE,
        ("-map", "1:a", "-map", "2:a", *SECOND),
        "the first of 2 audio tracks is used, the first that is not silent",
    ),
    "third.mkv": (
        SILENCE,
        ("-map", "2:a", *TWO, *EMPTY, *FIRST),
        "track 3 of 3 audio tracks is used, the first that is not silent",
    ),
}


def extracted(film: Path, ffmpeg: str, span: Span | None = None) -> DecodedClip:
    recipe = Recipe(ffmpeg, 3, None, 13, -60.0, 60.0)
    return decode(film, io.BytesIO(), work=film.parent, recipe=recipe, span=span)


@pytest.fixture(scope="module")
def films(
    tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]
) -> dict[str, Path]:
    """A film of each kind, and under "only" one of its only track."""
    folder = tmp_path_factory.mktemp("films")
    made = {
        name: make_film(folder / name, *PICTURES, *options, inputs=inputs, seconds=2)
        for name, (inputs, options, _) in KINDS.items()
    }
    unknown = made["first-unknown.mkv"]
    unknown.write_bytes(unknown.read_bytes().replace(b"A_AC3", b"A_XC3"))
    made["only"] = make_film(folder / "only.mkv", "-c:v", "mpeg4", "-c:a", "aac", seconds=2)
    return made


def first_beep(media: DecodedClip) -> int:
    """The first frame that is loud."""
    return int(np.argmax(media.mfcc[:, 0] > media.mfcc[:, 0].max() - 2)) // 4


@pytest.mark.parametrize("kind", KINDS)
def test_decode_takes_the_audible_track(films: dict[str, Path], ffmpeg: str, kind: str) -> None:
    media = extracted(films[kind], ffmpeg)

    assert media.audio == "audible"
    assert first_beep(media) == pytest.approx(25, abs=1)
    assert media.ffmpeg_log == ""
    (warning,) = [warning for warning in media.warnings if warning.startswith("more-audio")]
    assert KINDS[kind][2] in warning
    assert not any(warning.startswith("audio-lost") for warning in media.warnings)


def test_decode_of_segment_takes_the_audible_track(films: dict[str, Path], ffmpeg: str) -> None:
    media = extracted(films["first-silent.mp4"], ffmpeg, Span(0.6, 1.6))

    assert media.audio == "audible"
    assert first_beep(media) == pytest.approx(10, abs=1)
    assert len(media.pts) == 25


def test_audio_of_another_track_is_that_of_a_film_with_no_other(
    films: dict[str, Path], ffmpeg: str
) -> None:
    media, only = (extracted(films[name], ffmpeg) for name in ("first-empty.mkv", "only"))

    assert np.array_equal(media.mfcc, only.mfcc)
    assert np.array_equal(media.jpeg_bytes, only.jpeg_bytes)
    assert only.warnings == ()


def test_decode_prefers_a_silent_track_to_an_empty_one(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    tracks = ("-map", "2:a", "-map", "2:a", *EMPTY)
    film = make_film(tmp_path / "film.mkv", *PICTURES, *tracks, inputs=SILENCE, seconds=1)

    media = extracted(film, ffmpeg)

    assert media.audio == "silent"
    assert media.info.audio is not None
    assert media.info.audio.position == 2


def many_channels(path: Path, num_channels: int) -> Path:
    """PCM without a channel layout, in which only the last channel sounds."""
    samples = np.zeros((48_000, num_channels), "<i2")
    samples[:, -1] = 20_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    raw = path.with_suffix(".s16")
    samples.tofile(raw)
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "lavfi", "-i", "color=s=32x16:r=25:d=1"]
    command += ["-guess_layout_max", "0", "-f", "s16le", "-ar", "48000", "-ac", str(num_channels)]
    command += ["-i", str(raw), "-c:v", "mpeg4", "-c:a", "pcm_s16le", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.mark.parametrize("num_channels", [3, 6, 9, 12, 24])
def test_channels_without_a_layout_are_averaged(
    tmp_path: Path, ffmpeg: str, num_channels: int
) -> None:
    media = extracted(many_channels(tmp_path / "clip.mkv", num_channels), ffmpeg)

    rms = 20_000 / 32_768 / np.sqrt(2) / num_channels
    assert media.loudness is not None
    assert media.loudness.rms_dbfs == pytest.approx(20 * np.log10(rms), abs=0.1)
    assert media.warnings == ()


def test_ambisonic_audio_is_that_of_all_directions(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    sphere = ("-f", "lavfi", "-i", "aevalsrc=0.5*sin(880*PI*t)|0|0|0:d=1:s=48000")
    layout = ("-af", r"channelmap=0|1|2|3:ambisonic\ 1", "-c:a", "libopus", "-mapping_family", "2")
    tracks = ("-map", "0:v", "-map", "2:a", "-c:v", "mpeg4")
    film = make_film(tmp_path / "film.mkv", *tracks, *layout, inputs=sphere, seconds=1)

    media = extracted(film, ffmpeg)

    assert media.loudness is not None
    assert media.loudness.rms_dbfs == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.5)


def test_extract_channel_that_no_mix_contains_is_silent(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    deep = ("-f", "lavfi", "-i", "aevalsrc=0|0|0|0.5*sin(160*PI*t)|0|0:c=5.1:d=1:s=48000")
    tracks = ("-map", "0:v", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "pcm_s16le")
    film = make_film(tmp_path / "film.avi", *tracks, inputs=deep, seconds=1)

    media = extracted(film, ffmpeg)

    assert (media.audio, media.warnings) == ("silent", ())
