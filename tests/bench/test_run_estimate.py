"""What follows from settings: the same as runs find, without running."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avme.bench.run_estimate import (
    DatasetSize,
    Derived,
    Training,
    derive,
    training_clips,
    training_clips_of,
)
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, preset
from avme.config.presets.recipe import UCF101
from avme.config.resolve import resolve
from avme.config.train import TrainConfig
from avme.models.build import build_model
from avme.shards.dataset import PreparedDataset
from avme.sources.clip_table import SourceClip
from avme.sources.folder import ucf101_group
from avme.sources.split_strategies import hold_out
from avme.train.optim import build_optimizer

pytestmark = pytest.mark.slow

MakePretrain = Callable[..., PretrainConfig]
MakeFinetune = Callable[..., FinetuneConfig]


def agree(derived: Derived, folder: Path) -> bool:
    run = json.loads((folder / "derived.json").read_text())
    assert derived.steps is not None
    assert derived.peak_rate == run["learning_rate"]
    assert derived.steps.clips == run["clips"]
    assert derived.steps.per_epoch == run["steps_per_epoch"]
    assert derived.steps.total == run["total_steps"]
    assert derived.steps.warmup == run["warmup_steps"]
    assert derived.parameters == run["parameters"]
    assert derived.flops.forward / 1e9 == run["forward_gflop_per_clip"]
    return True


def test_pretraining_finds_what_was_foretold(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakePretrain
) -> None:
    settings = make_pretrain_config()
    clips, classes = training_clips_of(settings, finished.folder)

    derived = derive(settings, classes, clips)

    assert agree(derived, pretrained)
    assert derived.mask is not None
    assert derived.mask.effective_ratio == 0.75


def test_half_decoding_and_a_loss_on_all_tokens_are_counted(
    make_pretrain_config: MakePretrain,
) -> None:
    whole = make_pretrain_config()
    mask, loss = (
        whole.mask.model_copy(update={"decoder_ratio": 0.5}),
        whole.loss.model_copy(update={"tokens": "all"}),
    )

    half, everything = (
        derive(whole.model_copy(update=change), 2) for change in ({"mask": mask}, {"loss": loss})
    )

    assert half.mask is not None
    assert half.mask.num_predicted == half.mask.num_hidden // 2
    assert half.flops.step < derive(whole, 2).flops.step < everything.flops.step


def test_finetuning_finds_what_was_foretold_with_clips_held_out(
    finished: PreparedDataset, finetuned: Path, make_finetune_config: MakeFinetune
) -> None:
    settings = make_finetune_config()
    clips, classes = training_clips_of(settings, finished.folder)

    derived = derive(settings, classes, clips)

    assert agree(derived, finetuned)
    assert clips.held_out == 4
    assert clips.trained + clips.held_out == len(finished.subset("1", "train"))
    assert derived.mask is None


def test_rates_by_layer_are_those_of_the_optimizer(make_finetune_config: MakeFinetune) -> None:
    settings = make_finetune_config(optim={"lr": 0.1, "layer_decay": 0.5})

    derived = derive(settings, 2)
    groups = build_optimizer(build_model(settings, 2), settings.optim, 2).param_groups

    scales = sorted({group["scale"] for group in groups})
    assert derived.layer_rates == pytest.approx([derived.peak_rate * scale for scale in scales])
    assert derived.layer_rates[0] == pytest.approx(0.1 * 4 / 256 / 8)


@pytest.mark.parametrize(
    ("name", "total", "windows", "seen"),
    [("paper", 58_800, 58_800 * 192, 160), ("videomae-ucf101", 156_849, 156_849 * 192, 392)],
)
def test_recipes_on_ucf101(name: str, total: int, windows: int, seen: int) -> None:
    settings = resolve(PretrainConfig, preset=preset("pretrain", name))

    derived = derive(settings, 101, DatasetSize(9537))

    assert derived.steps is not None
    assert (derived.steps.total, derived.steps.windows) == (total, windows)
    assert derived.mask is not None
    assert derived.grid.tokens - derived.grid.slots * derived.mask.num_hidden == seen


def test_derive_without_dataset_knows_all_but_the_steps(make_pretrain_config: MakePretrain) -> None:
    derived = derive(make_pretrain_config(), 2)

    assert derived.steps is None
    assert derived.peak_rate == pytest.approx(0.05 * 4 / 256)


@pytest.mark.parametrize(
    ("settings", "clips"),
    [
        (FinetuneConfig(val_fraction=0.0), DatasetSize(9537)),
        (FinetuneConfig(val_fraction=0.1), DatasetSize(8586, 951)),
        (FinetuneConfig(val_fraction=0.2), DatasetSize(7630, 1907, is_estimate=True)),
        (FinetuneConfig(train=TrainConfig(seed=3)), DatasetSize(8583, 954, is_estimate=True)),
        (
            FinetuneConfig(val_fraction=0.0, label_fraction=0.1),
            DatasetSize(954, 0, 8583, is_estimate=True),
        ),
        (
            FinetuneConfig(val_fraction=0.0, label_fraction=1e-3),
            DatasetSize(101, 0, 9436, is_estimate=True),
        ),
        (PretrainConfig(), DatasetSize(9537)),
    ],
)
def test_training_clips_exclude_held_out_clips(settings: Training, clips: DatasetSize) -> None:
    assert training_clips(settings, UCF101) == clips


@pytest.mark.parametrize(("name", "per_group"), [("demo", 1), ("digits", 20)])
def test_recipes_of_equal_groups_know_what_is_held_out(name: str, per_group: int) -> None:
    recipe = RECIPES[name].clips
    assert recipe is not None
    names = [
        f"C{c}/v_C{c}_g{g:02d}_c{n:02d}.avi"
        for c in range(recipe.classes)
        for g in range(8, 26)
        for n in range(1, per_group + 1)
    ]
    clips = [
        SourceClip(clip, Path(clip), clip.split("/")[0], ucf101_group(clip) or "", None, 1, 1)
        for clip in names
    ]

    kept, held = hold_out(clips, 0.1, seed=0)

    assert (len(clips), len(held)) == (recipe.train, recipe.held_out)
    assert len(kept) == training_clips(FinetuneConfig(), recipe).trained


@pytest.mark.parametrize(
    "settings", [PretrainConfig(), FinetuneConfig()], ids=["pretrain", "finetune"]
)
def test_large_networks_take_no_memory(settings: Training) -> None:
    with torch.device("meta"):
        model = build_model(settings, 101)

    assert all(tensor.device.type == "meta" for tensor in model.state_dict().values())
