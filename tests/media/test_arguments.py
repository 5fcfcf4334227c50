"""Audio that ffmpeg resamples keeps what 16 kHz can hold, and nothing above folds back."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.media.arguments import transcode_arguments
from avme.media.demux import demux
from avme.media.ffmpeg import transcode
from avme.media.probe import probe


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize(("frequency", "gain_db"), [(7_000, 0.0), (8_500, None), (10_000, None)])
def test_a_tone_is_kept_below_8_khz_and_removed_above(
    tmp_path: Path,
    make_video: Callable[..., Path],
    ffmpeg: str,
    rate: int,
    frequency: int,
    gain_db: float | None,
) -> None:
    tone = f"aevalsrc=0.5*sin(2*PI*{frequency}*t):s={rate}"
    clip = make_video(tmp_path / "clip.avi", frames=25, sound=tone)
    target = tmp_path / "out.nut"
    arguments = transcode_arguments(
        ffmpeg, clip, target, probe(clip), size=(48, 32), jpeg_quality=3
    )
    transcode(arguments, timeout_seconds=60.0)

    sound = demux(target, io.BytesIO(), tmp_path / "out.s16").sound

    assert sound is not None
    inner = sound.samples[2_000:-2_000].astype(float) / 32_768
    found_db = 10 * np.log10(max(float(np.mean(inner**2)), 1e-12) / (0.5**2 / 2))
    if gain_db is None:
        assert found_db < -80
    else:
        assert found_db == pytest.approx(gain_db, abs=0.1)
