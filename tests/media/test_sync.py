"""Sound stays with the pictures over a long clip, through container, codec and MFCC."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.media.decode import Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg

BEEP = "aevalsrc=if(between(t\\,60\\,60.005)\\,0.8*sin(2*PI*1000*t)\\,0):s={rate}"


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("clip.avi", 44_100, ("-c:a", "pcm_s16le")),
        ("clip.mkv", 48_000, ("-c:a", "flac")),
        ("clip.mov", 16_000, ("-c:a", "pcm_s16le")),
    ],
)
@pytest.mark.slow
def test_beep_at_60_seconds_of_ntsc_video_lies_in_its_own_row(
    tmp_path: Path,
    make_video: Callable[..., Path],
    name: str,
    rate: int,
    options: tuple[str, ...],
) -> None:
    fps = Fraction(30_000, 1001)
    clip = make_video(
        tmp_path / name,
        frames=1830,
        fps="30000/1001",
        size="16x16",
        audio=BEEP.format(rate=rate),
        options=options,
    )
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -90.0, 60.0)

    media = decode(clip, io.BytesIO(), work=tmp_path, recipe=recipe)

    energy = media.mfcc[:, 0]
    loud = np.flatnonzero(energy > energy.max() - 3)
    own = int(60 * fps * 4)
    assert (media.fps, len(media.pts), len(energy)) == (fps, 1830, 4 * 1830)
    assert own in loud
    assert own - 3 <= loud.min() <= loud.max() <= own + 1  # the window is 2.5 hops long
