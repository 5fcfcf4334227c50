"""Free baselines: their values by other means, and nothing hidden in them."""

import math
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from avme.errors import SystemRequirementError, UsageError
from avme.models.masking import Grid
from avme.reconstruction.baselines import (
    FREE,
    Baseline,
    inpainting,
    interpolated_color,
    mean_color,
    nearest_patch,
    time_interpolation,
)
from avme.reconstruction.masked_clip import MaskedClip

Make = Callable[..., MaskedClip]


def moving(masked_clip: Make) -> MaskedClip:
    hide = torch.tensor([0, 4, 6, 8])
    return masked_clip(grid=Grid(3, 1, 3), hide=hide)


@pytest.mark.parametrize("baseline", FREE.values(), ids=FREE)
def test_baseline_is_unchanged_by_hidden_pixels(baseline: Baseline, masked_clip: Make) -> None:
    clip = moving(masked_clip)
    other = clip.tubelets.clone()
    other[clip.hide] = math.nan

    found, again = baseline(clip), baseline(replace(clip, tubelets=other))

    assert found.shape == clip.truth.shape
    assert torch.equal(found, again)


@pytest.mark.parametrize("baseline", FREE.values(), ids=FREE)
def test_baseline_of_a_plain_clip_is_plain(baseline: Baseline, masked_clip: Make) -> None:
    clip = moving(masked_clip)
    plain = replace(clip, tubelets=torch.full_like(clip.tubelets, 51 / 255))

    tolerance = 4 / 255 if baseline is inpainting else 1e-6  # OpenCV sums bytes
    torch.testing.assert_close(baseline(plain), plain.truth, atol=tolerance, rtol=0)


def test_mean_color_is_that_of_the_visible_pixels_of_each_frame(masked_clip: Make) -> None:
    clip = masked_clip()
    frames, hidden = clip.completed(clip.truth), clip.is_hidden

    filled = clip.completed(mean_color(clip))

    for frame, made, mask in zip(frames, filled, hidden, strict=True):
        expected = frame[~mask].mean(dim=0)
        torch.testing.assert_close(made[mask], expected.expand(int(mask.sum()), 3))


def test_nearest_patch_copies_a_patch_of_the_same_slot_under_tube_masks(masked_clip: Make) -> None:
    clip = masked_clip()
    found = nearest_patch(clip)

    for row, hidden in enumerate(clip.hide.tolist()):
        slot, place = divmod(hidden, 20)
        apart = {
            seen: math.hypot(seen % 20 // 5 - place // 5, seen % 5 - place % 5)
            for seen in clip.keep.tolist()
            if seen // 20 == slot
        }
        nearest = min(apart, key=lambda seen: (round(apart[seen], 9), seen))
        assert torch.equal(found[row], clip.tubelets[nearest])


def test_interpolated_color_is_flat_in_every_patch(masked_clip: Make) -> None:
    clip = masked_clip()

    found = interpolated_color(clip).reshape(len(clip.hide), -1, 3)

    assert torch.equal(found, found[:, :1].expand_as(found))
    assert float(found.min()) >= 0.3
    assert float(found.max()) <= 0.7


def test_time_interpolation_equals_numpy_pixel_by_pixel(masked_clip: Make) -> None:
    clip = masked_clip(grid=Grid(5, 1, 3), hide=torch.tensor([0, 3, 4, 7, 11, 14]))
    frames, hidden = clip.completed(clip.truth).numpy(), clip.is_hidden.numpy()
    expected = frames.copy()
    for row, column in np.ndindex(hidden.shape[1:]):
        seen = np.flatnonzero(~hidden[:, row, column])
        for color in range(3):
            line = frames[:, row, column, color]
            expected[:, row, column, color] = np.interp(np.arange(10), seen, line[seen])

    found = clip.completed(time_interpolation(clip)).numpy()

    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_time_interpolation_under_a_tube_mask_is_refused(masked_clip: Make) -> None:
    with pytest.raises(UsageError, match="a tube mask hides a place in every frame"):
        time_interpolation(masked_clip())


def test_mean_color_of_a_hidden_frame_is_refused(masked_clip: Make) -> None:
    with pytest.raises(UsageError, match="a frame has no visible pixel"):
        mean_color(masked_clip(grid=Grid(2, 1, 2), hide=torch.tensor([2, 3])))


def test_inpainting_without_opencv_names_the_extra(
    masked_clip: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(SystemRequirementError, match=r"pip install 'avme\[inpaint\]'"):
        inpainting(masked_clip())
