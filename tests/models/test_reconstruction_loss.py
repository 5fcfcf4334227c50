"""The loss: VideoMAE's normalized target, pixels, and the two units of one prediction."""

import pytest
import torch
from einops import rearrange

from avme.models.reconstruction_loss import in_both_units, patch_statistics, reconstruction_loss


def make_pixels() -> torch.Tensor:
    return torch.rand(2, 5, 2 * 4 * 4 * 3, generator=torch.Generator().manual_seed(0))


def test_patch_statistics_normalize_each_color_to_mean_0_deviation_1() -> None:
    pixels = make_pixels()

    normalized = rearrange(patch_statistics(pixels).normalize(pixels), "b n (u c) -> b n u c", c=3)

    torch.testing.assert_close(normalized.mean(dim=2), torch.zeros(2, 5, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalized.std(dim=2), torch.ones(2, 5, 3), atol=1e-4, rtol=0)


def test_restoring_undoes_normalizing() -> None:
    pixels, scale = make_pixels(), patch_statistics(make_pixels())

    torch.testing.assert_close(scale.restore(scale.normalize(pixels)), pixels)


def test_predicting_nothing_costs_about_one_when_normalized() -> None:
    pixels = make_pixels()

    loss = reconstruction_loss(torch.zeros_like(pixels), pixels, "normalized")

    assert loss.item() == pytest.approx(31 / 32, abs=1e-4)  # unbiased deviation over 32 pixels


def test_reconstruction_loss_of_pixels_is_the_mean_squared_error() -> None:
    pixels = make_pixels()

    loss = reconstruction_loss(pixels + 0.1, pixels, "pixel")

    assert loss.item() == pytest.approx(0.01, rel=1e-4)


def test_in_both_units_is_equal_for_both_targets() -> None:
    pixels, scale = make_pixels(), patch_statistics(make_pixels())
    guess = pixels + 0.1

    by_pixel = in_both_units(guess, pixels, "pixel")
    by_norm = in_both_units(scale.normalize(guess), pixels, "normalized")

    assert by_pixel["psnr_db"].item() == pytest.approx(20.0, abs=1e-3)
    for name, value in by_pixel.items():
        torch.testing.assert_close(by_norm[name], value, rtol=1e-4, atol=1e-6)
