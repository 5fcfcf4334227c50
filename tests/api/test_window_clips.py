"""Windows as clips of a reconstruction."""

from pathlib import Path

import numpy as np
import pytest
import torch

import avme
from avme.api.window_clips import WindowClips
from avme.reconstruction.autoencoders import load_autoencoder

pytestmark = pytest.mark.slow


def test_read_gives_the_window_with_real_and_null_audio(pretrained: Path) -> None:
    model = avme.load(pretrained, device="cpu")
    frames = np.random.default_rng(0).integers(0, 256, (12, 24, 32, 3), dtype=np.uint8)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 16_000)
    clips = WindowClips(model.windows(frames, audio=noise, segments=2), "array", model.loaded)

    clip = clips.read(1, load_autoencoder(pretrained, torch.device("cpu")))

    assert (len(clips), clips.title, clip.name) == (2, "array", "array")
    assert clips.warnings == ()
    assert clip.video.shape == (3, 4, 16, 16)
    assert clip.audio["real"][1].all()
    assert not clip.audio["null"][1].any()
    assert clip.seconds_per_frame == 2 / 25
