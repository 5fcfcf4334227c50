"""Low resolution."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from avme.corruptions.kinds import KINDS
from avme.corruptions.resolution import kept_side, low_resolution
from tests.corruptions.inputs import texture


@pytest.mark.parametrize("fraction", [0.5, 0.25, 0.125])
def test_whole_factors_are_area_averages_enlarged_by_torch(fraction: float) -> None:
    clean = texture(2, 32, 48)
    planes = torch.from_numpy(np.moveaxis(clean, -1, 1).copy()).double()
    small = interpolate(planes, scale_factor=fraction, mode="area")
    expected = interpolate(small, size=clean.shape[1:3], mode="bilinear", align_corners=False)

    found = low_resolution(clean, fraction)

    assert np.abs(np.moveaxis(found, -1, 1) - expected.numpy()).max() <= 0.501


@pytest.mark.parametrize("side", [32, 33, 64, 112, 224, 240])
def test_kept_sides_fall_with_severity_on_every_size(side: int) -> None:
    kept = [kept_side(side, level) for level in KINDS["low-resolution"].levels]

    assert kept == sorted(set(kept), reverse=True)
    assert [each / side for each in kept] == pytest.approx(
        KINDS["low-resolution"].levels, abs=0.51 / side
    )


def test_detail_above_the_kept_resolution_is_gone_and_below_it_remains() -> None:
    waves = np.cos(2 * np.pi * np.array([4, 40])[:, None] * (np.arange(128) + 0.5) / 128)
    clean = np.rint(128 + 100 * waves)[:, None, :, None].astype(np.uint8)
    clean = np.broadcast_to(clean, (2, 128, 128, 3)).copy()

    coarse, fine = low_resolution(clean, 0.25).std(axis=(1, 2, 3))  # 32 pixels: 16 cycles

    assert coarse > 60
    assert fine < 15


def test_low_resolution_keeping_all_changes_nothing() -> None:
    clean = texture(1, 21, 34)

    assert (low_resolution(clean, 1.0) == clean).all()


def test_low_resolution_of_one_pixel_changes_nothing() -> None:
    clean = texture(2, 1, 1)

    assert (low_resolution(clean, 0.125) == clean).all()
