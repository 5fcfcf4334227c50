"""Low resolution."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch.nn.functional import interpolate

from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from avme.corruptions.resolution import kept_side, low_resolution
from tests.corruptions.inputs import texture


@pytest.mark.parametrize("fraction", [0.5, 0.25, 0.125])
def test_low_resolution_of_smooth_frames_is_that_of_torch(fraction: float) -> None:
    down, right = np.mgrid[:64, :96]
    wave = 128 + 50 * np.cos(np.pi * (right + 0.5) / 48) + 40 * np.cos(np.pi * (down + 0.5) / 64)
    clean = np.repeat(np.rint(wave).astype(np.uint8)[None, ..., None], 3, axis=-1)
    planes = torch.from_numpy(np.moveaxis(clean, -1, 1).copy()).double()
    small = interpolate(planes, scale_factor=fraction, mode="area")
    expected = interpolate(small, size=clean.shape[1:3], mode="bilinear", align_corners=False)

    found = low_resolution(clean, fraction)

    assert np.abs(np.moveaxis(found, -1, 1) - expected.numpy()).max() < 6
    assert np.abs(np.moveaxis(found, -1, 1) - expected.numpy()).mean() < 1


def test_low_resolution_keeps_as_many_coefficients_as_small_pixels() -> None:
    found = low_resolution(texture(1, 60, 80), 0.25)[0, ..., 0]

    spectrum = dctn(found.astype(float), norm="ortho")
    assert np.abs(spectrum[:15, :20]).max() > 1000
    assert np.abs(spectrum[15:]).max() < 2  # rounding
    assert np.abs(spectrum[:, 20:]).max() < 2


@pytest.mark.parametrize("period", range(2, 25))
@pytest.mark.parametrize("side", [32, 72, 81])
def test_low_resolution_of_stripes_is_better_at_no_severity(side: int, period: int) -> None:
    stripes = np.where(np.arange(side) % period < max(1, period // 3), 220, 30).astype(np.uint8)
    clean = np.broadcast_to(stripes[None, None, :, None], (1, side, side, 3)).copy()

    found = [psnr_db(clean, low_resolution(clean, s)) for s in KINDS["low-resolution"].levels]

    assert all(b <= a + 0.05 for a, b in pairwise(found))  # equal where nothing is left to lose


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
    assert fine < 2


def test_low_resolution_of_one_pixel_changes_nothing() -> None:
    clean = texture(2, 1, 1)

    assert (low_resolution(clean, 0.125) == clean).all()
