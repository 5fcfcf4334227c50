"""Statistics of hidden patches, interpolated from visible ones."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from avme.models.masking import Grid
from avme.models.reconstruction_loss import patch_statistics
from avme.reconstruction.masked_clip import MaskedClip
from avme.reconstruction.visible_statistics import squared_distances, visible_statistics

Make = Callable[..., MaskedClip]


def test_visible_statistics_follow_the_formula_token_by_token(masked_clip: Make) -> None:
    clip = masked_clip()
    own = patch_statistics(clip.seen[None])

    found = visible_statistics(clip)

    for row, hidden in enumerate(clip.hide.tolist()):
        total, mean, deviation = 0.0, torch.zeros(3), torch.zeros(3)
        for column, seen in enumerate(clip.keep.tolist()):
            if seen // 20 != hidden // 20:
                continue
            down = (seen % 20) // 5 - (hidden % 20) // 5
            right = seen % 5 - hidden % 5
            weight = 1 / (down**2 + right**2)
            total += weight
            mean += weight * own.mean[0, column, 0]
            deviation += weight * own.deviation[0, column, 0]
        torch.testing.assert_close(found.mean[0, row, 0], mean / total)
        torch.testing.assert_close(found.deviation[0, row, 0], deviation / total)


def test_visible_statistics_use_no_hidden_pixel(masked_clip: Make) -> None:
    clip = masked_clip()
    other = clip.tubelets.clone()
    other[clip.hide] = math.nan

    found, again = visible_statistics(clip), visible_statistics(replace(clip, tubelets=other))

    assert torch.equal(found.mean, again.mean)
    assert torch.equal(found.deviation, again.deviation)


def test_visible_statistics_of_a_hidden_slot_take_those_of_others(masked_clip: Make) -> None:
    clip = masked_clip(grid=Grid(2, 1, 2), hide=torch.tensor([2, 3]))
    own = patch_statistics(clip.seen[None]).mean[0, :, 0]

    found = visible_statistics(clip).mean[0, :, 0]

    torch.testing.assert_close(found[0], (own[0] / 1 + own[1] / 2) / 1.5)


def test_squared_distances_count_slots_rows_and_columns() -> None:
    apart = squared_distances(Grid(3, 4, 5), torch.tensor([0]), torch.tensor([0, 1, 5, 20, 59]))

    assert apart.tolist() == [[0, 1, 1, 1, 4 + 9 + 16]]
