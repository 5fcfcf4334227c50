"""Windows of a real video and its audio."""

from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_video(shared: Path) -> Path:
    return shared / "data/ucf-mini/UCF-101/BunnyForest/v_BunnyForest_g01_c01.avi"


@pytest.fixture(scope="session")
def real_frames(real_video: Path) -> np.ndarray:
    """16 frames of 25 fps film at stride 4, the middle 160 x 200 pixels."""
    with av.open(str(real_video)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return np.stack(frames[:64:4])[:, 40:200, 60:260]


@pytest.fixture(scope="session")
def real_samples(real_video: Path) -> np.ndarray:
    """The track of the film, 16 kHz mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(real_video)) as container:
        parts = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)
