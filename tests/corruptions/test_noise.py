"""Noise on frames."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from avme.corruptions.kinds import KINDS
from avme.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from avme.corruptions.psnr import psnr_db
from avme.corruptions.seeds import clip_generator
from tests.corruptions.inputs import texture

Noise = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
ALL = [gaussian_noise, shot_noise, impulse_noise]
LEVELS = KINDS["gaussian-noise"].levels


def degraded(noise: Noise, clean: np.ndarray) -> list[np.ndarray]:
    return [noise(clean, level, clip_generator("clip", "noise")) for level in LEVELS]


@pytest.mark.parametrize("noise", ALL)
@pytest.mark.parametrize("shape", [(1, 32, 32), (16, 37, 53)])
def test_noise_reaches_its_psnr(noise: Noise, shape: tuple[int, int, int]) -> None:
    clean = texture(*shape)
    one_value_db = 0.15 if shape[0] == 1 else 0.05

    for level, noisy in zip(LEVELS, degraded(noise, clean), strict=True):
        tolerance = one_value_db + (0.4 if noise is impulse_noise and shape[0] == 1 else 0)
        assert psnr_db(clean, noisy) == pytest.approx(level, abs=tolerance)


@pytest.mark.parametrize("noise", ALL)
def test_noise_moves_no_value_back_at_a_higher_severity(noise: Noise) -> None:
    clean = texture(2, 24, 24)

    errors = [np.abs(noisy.astype(int) - clean) for noisy in degraded(noise, clean)]

    assert all((b >= a).all() and (b > a).any() for a, b in pairwise(errors))


def test_shot_noise_has_a_variance_in_proportion_to_the_brightness() -> None:
    clean = np.repeat(np.array([40, 80, 160], dtype=np.uint8), 20_000).reshape(1, 3, 20_000, 1)

    noisy = shot_noise(np.repeat(clean, 3, axis=-1), 30.0, clip_generator("clip", "shot"))

    variances = np.var(noisy.astype(float), axis=(0, 2, 3)) - 1 / 12  # that of rounding
    assert variances / variances[0] == pytest.approx([1, 2, 4], rel=0.05)


def test_shot_noise_leaves_black_frames() -> None:
    clean = np.zeros((2, 8, 8, 3), dtype=np.uint8)

    noisy = shot_noise(clean, 10.0, clip_generator("clip", "shot"))

    assert (noisy == 0).all()
    assert noisy is not clean


def test_gaussian_noise_is_white_and_of_one_deviation() -> None:
    clean = np.full((4, 64, 64, 3), 128, dtype=np.uint8)

    error = gaussian_noise(clean, 25.0, clip_generator("clip", "gaussian")).astype(float) - clean

    assert error.std() == pytest.approx(255 * 10 ** (-25 / 20), rel=0.01)
    assert abs(np.mean(error[:, 1:] * error[:, :-1])) < 0.03 * error.var()
    assert abs(np.mean(error[1:] * error[:-1])) < 0.03 * error.var()


def test_impulse_noise_is_black_or_white_in_all_colors_of_a_pixel() -> None:
    clean = texture(2, 32, 32) // 2 + 50

    noisy = impulse_noise(clean, 15.0, clip_generator("clip", "impulse"))

    hit = (noisy != clean).any(axis=-1)
    assert hit.any()
    assert set(np.unique(noisy[hit])) == {0, 255}
    assert (np.ptp(noisy[hit].astype(int), axis=-1) == 0).all()
    assert np.mean(noisy[hit] == 255) == pytest.approx(0.5, abs=0.1)
