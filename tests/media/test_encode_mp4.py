"""Frames and samples that are encoded come back at their times."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np

from avme.media.encode_mp4 import encode_frames, encode_samples


def test_encode_of_frames_and_samples_decodes_at_their_times() -> None:
    levels = (40, 120, 200)
    frames = [np.full((32, 48, 3), level, dtype=np.uint8) for level in levels]
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(4000) / 16_000)).astype(np.int16)
    target = io.BytesIO()

    with av.open(target, "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=Fraction(25, 2))
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        audio: Any = container.add_stream("aac", rate=16_000, layout="mono")
        encode_frames(container, video, frames, Fraction(25, 2))
        encode_samples(container, audio, tone)

    with av.open(io.BytesIO(target.getvalue()), "r") as made:
        shown = list(made.decode(video=0))
    with av.open(io.BytesIO(target.getvalue()), "r") as made:
        heard = np.concatenate([part.to_ndarray()[0] for part in made.decode(audio=0)])
    assert [frame.time for frame in shown] == [0.0, 0.08, 0.16]
    found = [float(frame.to_ndarray(format="rgb24").mean()) for frame in shown]
    np.testing.assert_allclose(found, levels, atol=4)
    spectrum = np.abs(np.fft.rfft(heard, 16_000))
    assert abs(int(spectrum.argmax()) - 440) <= 2
