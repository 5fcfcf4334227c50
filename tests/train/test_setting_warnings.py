"""Warnings name settings with which a model learns little, and no others."""

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, STAGES, preset
from avme.config.resolve import resolve
from avme.models.masking import Grid, TubeMask
from avme.train.setting_warnings import (
    FEWEST_VISIBLE,
    batch_warning,
    setting_warnings,
    visible_warning,
)


def masked(image_size: int, patch_size: int, ratio: float) -> PretrainConfig:
    return resolve(
        PretrainConfig,
        sets=[
            f"clip.image_size={image_size}",
            f"model.visual.patch_size={patch_size}",
            f"mask.ratio={ratio}",
        ],
    )


@pytest.mark.parametrize(
    ("image_size", "patch_size", "ratio", "visible", "advice"),
    [
        (64, 16, 0.75, "4 of 16", "take --mask 0.5 or less, or a model.visual.patch_size below 16"),
        (64, 8, 0.9, "7 of 64", "take --mask 0.87 or less, or a model.visual.patch_size below 8"),
        (32, 16, 0.5, "2 of 4", "take a model.visual.patch_size below 16"),
    ],
)
def test_visible_warning_counts_visible_places(
    image_size: int, patch_size: int, ratio: float, visible: str, advice: str
) -> None:
    found = visible_warning(masked(image_size, patch_size, ratio))

    assert found is not None
    assert f"{visible} places are visible" in found
    assert found.endswith(advice)


def test_visible_warning_of_a_higher_ratio_than_the_presets_is_given() -> None:
    settings = resolve(PretrainConfig, preset=preset("pretrain", "tiny"), flags={"mask.ratio": 0.9})

    assert "7 of 64 places are visible" in (visible_warning(settings) or "")


@pytest.mark.parametrize("side", [4, 5, 7, 14, 24])
def test_visible_warning_advises_the_largest_ratio_without_one(side: int) -> None:
    found = visible_warning(masked(16 * side, 16, (side**2 - 1) / side**2))

    assert found is not None
    ratio = float(found.partition("--mask ")[2].split()[0])
    assert visible_warning(masked(16 * side, 16, ratio)) is None
    hidden = TubeMask(Grid(1, side, side), ratio).num_hidden
    assert FEWEST_VISIBLE <= side**2 - hidden <= FEWEST_VISIBLE + 1 + side**2 / 100


def test_visible_warning_of_eight_places_is_none() -> None:
    assert visible_warning(masked(64, 16, 0.5)) is None


@pytest.mark.parametrize(("clips", "repeat", "warns"), [(7, 1, True), (8, 1, False), (4, 2, False)])
def test_batch_warning_tells_of_labels_fewer_than_a_batch(
    clips: int, repeat: int, warns: bool
) -> None:
    sets = ["train.batch_size=8", f"train.repeat={repeat}"]
    few = resolve(FinetuneConfig, sets=[*sets, "label_fraction=0.1"])

    warning = batch_warning(few, clips)

    assert (warning is not None) == warns
    if warning is not None:
        assert "label_fraction 0.1 leaves 7 clips for batches of 8: they repeat" in warning
    assert batch_warning(resolve(FinetuneConfig, sets=sets), clips) is None


def test_setting_warnings_include_a_long_warmup_of_both_stages() -> None:
    sets = ["train.epochs=10", "optim.warmup_epochs=6"]

    pretraining = setting_warnings(resolve(PretrainConfig, sets=sets))
    finetuning = setting_warnings(resolve(FinetuneConfig, sets=sets))

    assert pretraining == finetuning
    assert len(pretraining) == 1
    assert "the learning rate rises for 6 of 10 epochs" in pretraining[0]


def test_setting_warnings_of_presets_are_none() -> None:
    for name in RECIPES:
        for stage, model in STAGES.items():
            settings = resolve(model, preset=preset(stage, name))
            assert isinstance(settings, PretrainConfig | FinetuneConfig)
            assert setting_warnings(settings) == []
