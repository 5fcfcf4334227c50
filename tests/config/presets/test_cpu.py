"""The recipes of our own results are the settings of the runs that gave them."""

import re
from pathlib import Path

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve

RESULTS = Path(__file__).parents[3] / "docs" / "results.md"
# The two commands behind the older table of digits in docs/results.md, without paths.
PRETRAIN = [
    "clip.image_size=32",
    "clip.num_frames=4",
    "clip.frame_stride=5",
    "train.batch_size=64",
    "mask.ratio=0.6",
    "optim.lr=8e-3",
    "train.epochs=90",
    "loss.target=pixel",
    "model.audio.blocks=[1,1,1,1]",
    "optim.warmup_epochs=5",
]
FINETUNE = [
    "clip.image_size=32",
    "clip.num_frames=4",
    "clip.frame_stride=5",
    "model.audio.blocks=[1,1,1,1]",
    "train.epochs=40",
    "optim.lr=4e-3",
    "head.pool=max",
    "head.norm=batch",
    "head.init_scale=1",
    "optim.layer_decay=1",
    "optim.warmup_epochs=2",
    "augment.hflip_prob=0",
    "augment.crop_scale=[0.5,1]",
    "augment.jitter_frames=2",
    "augment.audio_time_mask=0.2",
    "augment.audio_freq_mask=2",
    "train.batch_size=64",
    "augment.audio_dropout=0.5",
    "augment.audio_noise=0.3",
    "val_fraction=0.1",  # tiny holds nothing out any more
]


def documented_sets(stage: str) -> list[str]:
    """Return the settings with which docs/results.md restores the older preset."""
    section = RESULTS.read_text(encoding="utf-8").split("\n## Older preset")[1]
    lines = re.findall(rf"^avme {stage} --preset digits (.*)$", section, re.M)
    assert len(lines) == 1
    return re.findall(r"--set (\S+)", lines[0])


def test_digits_with_documented_settings_are_the_older_runs() -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", "tiny"), sets=PRETRAIN)
    after = resolve(FinetuneConfig, preset=preset("finetune", "tiny"), sets=FINETUNE)
    first = documented_sets("pretrain")
    network = [given for given in first if given.startswith("model.")]
    second = [*documented_sets("finetune"), *network]

    assert resolve(PretrainConfig, preset=preset("pretrain", "digits"), sets=first) == before
    assert resolve(FinetuneConfig, preset=preset("finetune", "digits"), sets=second) == after


def test_digits_stay_whole_in_both_stages() -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", "digits"))
    after = resolve(FinetuneConfig, preset=preset("finetune", "digits"))

    assert before.crop.shift == after.augment.shift > 0.0
    assert after.augment.hflip_prob == 0.0
    assert (after.val_fraction, after.head.residual) == (0.0, True)


@pytest.mark.parametrize("name", ["tiny", "small-cpu"])
def test_networks_of_64_pixels_see_a_quarter_of_the_places(name: str) -> None:
    settings = resolve(PretrainConfig, preset=preset("pretrain", name))
    places = (settings.clip.image_size // settings.model.visual.patch_size) ** 2

    assert places - int(settings.mask.ratio * places) == 16


def test_small_cpu_has_one_head_size() -> None:
    settings = resolve(PretrainConfig, preset=preset("pretrain", "small-cpu"))
    visual, fusion, decoder = settings.model.visual, settings.model.fusion, settings.model.decoder

    assert visual.dim // visual.heads == visual.dim // fusion.heads == 48
    assert decoder.dim // decoder.heads == 48


def test_demo_preset_has_a_smaller_network_and_frames_that_stay_whole() -> None:
    network = [
        "clip.num_frames=4",
        "clip.frame_stride=6",
        "clip.image_size=48",
        "model.visual.dim=96",
        "model.visual.depth=3",
        "model.visual.embed=conv",
        "model.visual.positions=separable",
        "model.audio.blocks=[1,1,1,1]",
        "train.num_workers=0",
    ]
    before = resolve(
        PretrainConfig,
        preset=preset("pretrain", "tiny"),
        sets=[
            *network,
            "crop.scales=[1.0]",
            "loss.target=pixel",
            "mask.ratio=0.5",
            "train.batch_size=8",
            "optim.lr=48e-3",
            "optim.warmup_epochs=3",
            "train.epochs=30",
        ],
    )
    after = resolve(
        FinetuneConfig,
        preset=preset("finetune", "tiny"),
        sets=[
            *network,
            "head.unimodal_weight=1",
            "head.residual=true",
            "augment.shift=0.1",
            "optim.lr=16e-3",
            "optim.warmup_epochs=2",
            "train.epochs=25",
            "val_fraction=0.1",
        ],
    )

    assert resolve(PretrainConfig, preset=preset("pretrain", "demo")) == before
    assert resolve(FinetuneConfig, preset=preset("finetune", "demo")) == after
