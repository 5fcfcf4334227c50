"""PSNR, and the search for a strength."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio

from avme.corruptions.psnr import psnr_db, reach_psnr
from tests.corruptions.inputs import texture


def test_psnr_is_that_of_torchmetrics() -> None:
    clean, other = texture(3, 20, 24, seed=1), texture(3, 20, 24, seed=2)

    expected = peak_signal_noise_ratio(
        torch.from_numpy(other).double(), torch.from_numpy(clean).double(), data_range=255.0
    )

    assert psnr_db(clean, other) == pytest.approx(float(expected), abs=1e-4)


def test_psnr_of_equal_frames_is_infinite() -> None:
    assert psnr_db(texture(1, 8, 8), texture(1, 8, 8)) == float("inf")


def darkened(clean: np.ndarray, levels: float) -> np.ndarray:
    return np.asarray(clean - np.minimum(clean, round(levels)), dtype=np.uint8)


@pytest.mark.parametrize("target_db", [40.0, 30.0, 20.0])
def test_strength_of_a_closed_form_is_found(target_db: float) -> None:
    clean = np.full((1, 64, 64, 3), 128, dtype=np.uint8)
    strength = 255 * 10 ** (-target_db / 20)  # an error of `levels` everywhere

    found = reach_psnr(clean, target_db, lambda levels: darkened(clean, levels), (0.1, 200.0))

    assert int(clean[0, 0, 0, 0]) - found == pytest.approx(strength, abs=1)


@pytest.mark.parametrize(("target_db", "levels"), [(2.0, 30), (90.0, 10)])
def test_target_out_of_range_takes_the_nearest_end(target_db: float, levels: int) -> None:
    clean = np.full((1, 4, 4, 3), 128, dtype=np.uint8)

    found = reach_psnr(clean, target_db, lambda each: darkened(clean, each), (10.0, 30.0))

    assert (found == 128 - levels).all()
