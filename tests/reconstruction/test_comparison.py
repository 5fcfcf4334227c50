"""Several autoencoders on the same masked clips, beside baselines."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from avme.errors import ConfigError
from avme.models.autoencoder import reconstruct
from avme.models.reconstruction_loss import Target
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.baselines import FREE
from avme.reconstruction.clip_inputs import ClipSource
from avme.reconstruction.comparison import Comparison, Panel, difference

Make = Callable[..., Autoencoder]


@pytest.mark.parametrize("target", ["normalized", "pixel"])
def test_panels_with_hidden_statistics_equal_the_figures_of_training(
    target: Target, make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    model, source = make_autoencoder(target=target), noise_clips()
    batch = source.read(0, model).batch("real")
    comparison = Comparison([model], seed=5)
    choice = comparison.masks[model.setup](torch.tensor([5]))

    (panel,) = comparison.panels(source, 0)

    drawn = reconstruct(model.network, batch, choice, target)
    (version,) = panel.models
    assert version.shown_quality.psnr_db == drawn.psnr_db[0]
    expected = (255 * drawn.completed[0].permute(1, 2, 3, 0)).round().numpy()
    assert np.array_equal(version.frames, expected)
    assert np.array_equal(panel.truth, batch.video[0].permute(1, 2, 3, 0).numpy())


def test_panels_of_one_setup_share_mask_and_baselines(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    models = [make_autoencoder("a"), make_autoencoder("b", fusion="none", ratio=0.5)]

    (panel,) = Comparison(models).panels(noise_clips(), 0)

    assert [version.name for version in panel.models] == ["a", "b"]
    assert panel.is_hidden.mean() == 0.75  # the ratio of the first
    for version in (*panel.models, *panel.baselines):
        assert np.array_equal(version.frames[~panel.is_hidden], panel.truth[~panel.is_hidden])
    assert (panel.seen[panel.is_hidden] == 128).all()
    assert {each.name for each in panel.baselines} | panel.absent.keys() == FREE.keys()
    assert "tube mask" in panel.absent["linear interpolation in time"]


def test_panels_of_two_grids_have_a_mask_each(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    models = [make_autoencoder("a"), make_autoencoder("b", patch=4)]

    first, second = Comparison(models, mask_ratio=0.5).panels(noise_clips(), 0)

    assert [len(panel.models) for panel in (first, second)] == [1, 1]
    assert np.array_equal(first.truth, second.truth)
    assert not np.array_equal(first.is_hidden, second.is_hidden)


def test_quality_has_every_statistics_and_audio_that_have_an_effect(panel: Panel) -> None:
    ours, videomae = panel.models

    assert set(ours.quality) == {
        (statistics, audio)
        for statistics in ("hidden", "visible")
        for audio in ("real", "null", "shuffled")
    }
    assert len({round(each.psnr_db, 6) for each in ours.quality.values()}) > 2
    assert set(videomae.quality) == {(None, None)}
    assert panel.flat is not None


def test_quality_of_a_clip_without_another_audio_lacks_the_shuffled_one(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    (panel,) = Comparison([make_autoencoder()]).panels(noise_clips(1, ("real", "null")), 0)

    assert {audio for _, audio in panel.models[0].quality} == {"real", "null"}


def test_statistics_of_visible_patches_hold_without_the_original(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    comparison = Comparison([make_autoencoder()], statistics="visible")

    (panel,) = comparison.panels(noise_clips(), 0)

    (version,) = panel.models
    assert version.shown == ("visible", "real")
    error = (version.frames[panel.is_hidden].astype(float) - panel.truth[panel.is_hidden]) / 255
    assert version.shown_quality.psnr_db == pytest.approx(
        -10 * np.log10(np.square(error).mean()), abs=0.3
    )


def test_difference_is_zero_where_visible_and_absolute_elsewhere(panel: Panel) -> None:
    version = panel.models[0]

    apart = difference(panel, version)

    assert (apart[~panel.is_hidden] == 0).all()
    expected = np.abs(version.frames.astype(int) - panel.truth.astype(int)).mean(axis=-1)
    np.testing.assert_allclose(apart, expected, atol=1e-4)


def test_best_baseline_has_the_highest_psnr(panel: Panel) -> None:
    best = panel.best_baseline.shown_quality.psnr_db

    assert best == max(each.shown_quality.psnr_db for each in panel.baselines)


def test_comparison_of_a_ratio_that_hides_everything_is_refused(make_autoencoder: Make) -> None:
    with pytest.raises(ConfigError, match=r"hides 0 of 16 places"):
        Comparison([make_autoencoder()], mask_ratio=0.01)
