"""Audio streams are tried as players choose them, and mixed as their layout says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import probe


def order(path: Path) -> list[int]:
    info = probe(path)
    return [track.position for track in (info.audio, *info.other_audio) if track is not None]


@pytest.mark.parametrize(
    ("dispositions", "positions"),
    [
        (("0", "0", "0"), [1, 2, 3]),
        (("0", "default", "0"), [2, 1, 3]),
        (("0", "0", "default"), [3, 1, 2]),
        (("default", "default", "0"), [1, 2, 3]),
        (("visual_impaired", "0", "hearing_impaired"), [2, 1, 3]),
    ],
)
def test_audio_tracks_are_ordered_default_first_and_impaired_last(
    tmp_path: Path,
    make_film: Callable[..., Path],
    dispositions: tuple[str, ...],
    positions: list[int],
) -> None:
    tracks = ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "1:a")
    flags = [w for n, flag in enumerate(dispositions) for w in (f"-disposition:a:{n}", flag)]

    film = make_film(tmp_path / "film.mkv", *tracks, "-c:v", "mpeg4", *flags, seconds=1)

    assert order(film) == positions


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1(side)", "7.1"])
def test_ffmpeg_mixes_layouts_that_it_knows(layout: str) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1(side)": 6, "7.1": 8}[layout]

    assert AudioInfo(1, "aac", 48_000, channels, 0.0, layout).mono_filter is None


@pytest.mark.parametrize(
    ("channels", "layout", "is_stereo"),
    [
        (1, "mono", False),
        (2, "stereo", True),
        (2, "2 channels", True),
        (2, "downmix", False),
        (6, "5.1", False),
    ],
)
def test_is_stereo_of_another_two_channel_layout_is_false(
    channels: int, layout: str, is_stereo: bool
) -> None:
    assert AudioInfo(1, "aac", 48_000, channels, 0.0, layout).is_stereo is is_stereo
