"""Sources of a view's audio and frames."""

import torch

from avme.data.temporal_sampling import Window
from avme.data.view_sources import SameFrames


def test_same_frames_are_unchanged() -> None:
    frames, source = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8), SameFrames()

    assert source.change_clip(0, frames) is frames
    assert source.change_view(0, Window(0, 3, 1), frames) is frames
