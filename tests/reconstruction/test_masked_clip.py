"""Clip with visible and hidden tokens, between tubelets and frames."""

from collections.abc import Callable

import torch

from avme.models.masking import Grid
from avme.reconstruction.masked_clip import MaskedClip

Make = Callable[..., MaskedClip]


def test_completed_with_the_truth_is_the_clip_and_hidden_of_inverts_it(masked_clip: Make) -> None:
    clip = masked_clip()

    frames = clip.completed(clip.truth)

    assert frames.shape == (4, 24, 30, 3)
    assert torch.equal(clip.hidden_of(frames), clip.truth)
    changed = clip.completed(1.0 - clip.truth)
    assert torch.equal((changed != frames).any(dim=-1), clip.is_hidden)


def test_is_hidden_of_one_token_covers_its_tubelet(masked_clip: Make) -> None:
    clip = masked_clip(grid=Grid(2, 4, 5), hide=torch.tensor([20 + 5 + 2]))

    hidden = clip.is_hidden

    assert hidden[2:, 6:12, 12:18].all()
    assert hidden.sum() == 2 * 6 * 6


def test_completed_clamps_values_outside_of_the_range(masked_clip: Make) -> None:
    clip = masked_clip()

    frames = clip.completed(clip.truth + 2.0)

    assert frames.max() == 1.0
    assert (frames[clip.is_hidden] == 1.0).all()
