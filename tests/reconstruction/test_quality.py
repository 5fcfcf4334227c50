"""PSNR and SSIM over hidden places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from avme.models.masking import Grid
from avme.models.reconstruction_loss import in_both_units
from avme.reconstruction.masked_clip import MaskedClip
from avme.reconstruction.quality import psnr_db, quality_of, ssim_map, windows_inside

Make = Callable[..., MaskedClip]


def test_psnr_db_equals_that_of_training_in_every_bit() -> None:
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        hidden, truth = torch.rand(2, 37, 96, generator=draw)

        logged = in_both_units(hidden[None], truth[None], "pixel")["psnr_db"]

        assert psnr_db(hidden, truth) == float(logged)


def test_psnr_db_of_a_known_error_is_its_closed_form() -> None:
    truth = torch.full((3, 12), 0.5)

    assert psnr_db(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert psnr_db(truth, truth) == pytest.approx(120.0)


def test_ssim_map_equals_torchmetrics_away_from_the_edges() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.random((2, 3, 24, 30))
    second = 0.6 * first + 0.4 * second

    _, expected = structural_similarity_index_measure(
        torch.from_numpy(first)[:, None],
        torch.from_numpy(second)[:, None],
        gaussian_kernel=True,
        sigma=1.5,
        kernel_size=11,
        data_range=1.0,
        return_full_image=True,
    )

    inner = np.s_[:, 5:-5, 5:-5]
    np.testing.assert_allclose(
        ssim_map(first, second)[inner], expected[:, 0].numpy()[inner], atol=1e-7
    )


def test_ssim_map_of_plain_frames_is_its_closed_form() -> None:
    first, second = np.full((1, 12, 12), 0.25), np.full((1, 12, 12), 0.75)

    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    np.testing.assert_allclose(ssim_map(first, second), expected, atol=1e-9)


def test_windows_inside_hold_hidden_pixels_only(masked_clip: Make) -> None:
    hidden = masked_clip(ratio=0.8).is_hidden.numpy()

    found = windows_inside(hidden)

    for frame, row, column in np.ndindex(found.shape):
        top, left = row - 5, column - 5
        window = hidden[frame, max(top, 0) : row + 6, max(left, 0) : column + 6]
        assert found[frame, row, column] == (window.size == 121 and bool(window.all()))
    assert found.any()


def test_quality_of_visible_pixels_has_no_effect(masked_clip: Make) -> None:
    clip = masked_clip(ratio=0.8)
    made = clip.truth + 0.05 * torch.randn(clip.truth.shape, generator=torch.Generator())
    other = clip.tubelets.clone()
    other[clip.keep] = 1.0

    assert quality_of(clip, made) == quality_of(replace(clip, tubelets=other), made)


def test_quality_of_small_hidden_places_has_no_ssim(masked_clip: Make) -> None:
    clip = masked_clip(grid=Grid(2, 4, 5), hide=torch.tensor([7, 27]))

    found = quality_of(clip, clip.truth)

    assert found.ssim is None
    assert found.psnr_db == pytest.approx(120.0)
