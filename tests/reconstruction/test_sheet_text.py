"""Title and notes of a comparison."""

from collections.abc import Callable

import pytest

from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import ClipSource
from avme.reconstruction.comparison import Comparison
from avme.reconstruction.scores import Scores
from avme.reconstruction.sheet_text import main_score, notes_of, title_of

Make = Callable[..., Autoencoder]


def compared(comparison: Comparison, source: ClipSource) -> Scores:
    scores = Scores()
    for panel in comparison.panels(source, 0):
        scores.add(panel)
    return scores


def test_title_of_names_models_and_the_best_baseline(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    comparison = Comparison([make_autoencoder("a"), make_autoencoder("b", target="pixel")])
    rows = compared(comparison, noise_clips()).rows()

    first, second = title_of("pets", comparison, rows, 3).split("\n")

    assert first == "pets"
    psnr = {(row.name, row.statistics): main_score(row).psnr_db for row in rows if row.by_audio}
    assert f"mean of n = 3: a (step 1) {psnr['a', 'hidden']:.1f} dB" in second
    assert f"b (step 1) {psnr['b', None]:.1f} dB" in second
    best = max(value for (name, _), value in psnr.items() if name[1:] and "flat" not in name)
    assert f") {best:.1f} dB; flat hidden patches" in second


def test_notes_of_hidden_statistics_have_what_flat_patches_reach(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    comparison = Comparison([make_autoencoder("a")])
    rows = compared(comparison, noise_clips()).rows()
    (flat,) = [main_score(row).psnr_db for row in rows if row.kind == "reference"]

    notes = " ".join(notes_of(comparison, rows, 1, 1))

    assert "75% of every frame is hidden" in notes
    assert f"that mean alone have {flat:.1f} dB" in notes
    assert "trained with" not in notes
    assert "setup" not in notes


@pytest.mark.slow
def test_notes_of_settings_that_differ_name_them(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    models = [make_autoencoder("a", target="pixel"), make_autoencoder("b", patch=4, ratio=0.5)]
    comparison = Comparison(models, statistics="visible")
    rows = compared(comparison, noise_clips()).rows()

    notes = " ".join(notes_of(comparison, rows, 20, 8))

    assert "Normalized target (b)" in notes
    assert "nothing of the original hidden patches" in notes
    assert "each setup has its own clips and mask" in notes
    assert "b was trained with mask ratio 0.5 (here 0.75)" in notes
    assert "first 8 of 20 clips" in notes
