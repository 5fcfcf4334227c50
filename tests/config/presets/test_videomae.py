"""VideoMAE's recipes against its scripts, written down here once more in its own terms.

Transcribed from MCG-NJU/VideoMAE at 14ef8d8: scripts/{ucf101,kinetics}/*/{pretrain,finetune}.sh,
and where a script is silent the defaults of run_mae_pretraining.py and run_class_finetuning.py. The
arithmetic is theirs: rates are scaled by videos of a step / 256 (their lines 193 and 406), and an
epoch has videos // batch steps (163 and 405).
"""

from typing import NamedTuple

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, preset
from avme.config.resolve import resolve
from avme.data.sampler import SampleOrder
from avme.train.schedule import build_schedule


class Pretrain(NamedTuple):
    gpus: int
    batch_size: int
    lr: float
    epochs: int
    mask_ratio: float
    decoder_depth: int


class Finetune(NamedTuple):
    gpus: int
    batch_size: int
    num_sample: int
    lr: float
    min_lr: float
    layer_decay: float
    epochs: int
    drop_path: float
    fc_drop_rate: float


class Network(NamedTuple):
    encoder: tuple[int, int, int]
    decoder: tuple[int, int]


SMALL = Network((384, 12, 6), (192, 3))
BASE = Network((768, 12, 12), (384, 6))
LARGE = Network((1024, 24, 16), (512, 8))
LR, MIN_LR = 1.5e-4, 1e-6  # defaults: of pretraining's --lr, of fine-tuning's --min_lr

SCRIPTS: dict[str, tuple[int, Network, Pretrain, Finetune]] = {
    "videomae-ucf101": (
        9537,
        BASE,
        Pretrain(8, 24, 3e-4, 3201, 0.75, 4),
        Finetune(8, 16, 2, 5e-4, 1e-5, 0.7, 100, 0.2, 0.5),
    ),
    "videomae-k400-small": (
        240_000,
        SMALL,
        Pretrain(32, 32, LR, 1601, 0.9, 4),
        Finetune(32, 12, 2, 5e-4, MIN_LR, 0.75, 150, 0.1, 0.0),
    ),
    "videomae-k400": (
        240_000,
        BASE,
        Pretrain(64, 32, LR, 1601, 0.9, 4),
        Finetune(64, 6, 2, 5e-4, MIN_LR, 0.75, 75, 0.1, 0.0),
    ),
    "videomae-k400-e800": (
        240_000,
        BASE,
        Pretrain(64, 32, LR, 801, 0.9, 4),
        Finetune(64, 8, 1, 1e-3, MIN_LR, 0.75, 100, 0.1, 0.0),
    ),
    "videomae-k400-large": (
        240_000,
        LARGE,
        Pretrain(64, 8, LR, 1601, 0.9, 12),
        Finetune(64, 2, 2, 2e-3, MIN_LR, 0.75, 35, 0.1, 0.0),
    ),
}


def test_videomae_recipes_are_all_checked() -> None:
    assert set(SCRIPTS) == {name for name in RECIPES if name.startswith("videomae")}


@pytest.mark.parametrize("name", SCRIPTS)
def test_pretraining_makes_their_steps_at_their_rates(name: str) -> None:
    videos, _, script, _ = SCRIPTS[name]
    settings = resolve(PretrainConfig, preset=preset("pretrain", name))
    train, batch = settings.train, script.gpus * script.batch_size

    order = SampleOrder(num_clips=videos, batch=train.batch_size, seed=0, repeat=train.repeat)
    schedule = build_schedule(settings.optim, train.batch_size, train.epochs, order.steps_per_epoch)

    assert (train.batch_size, train.epochs) == (batch, script.epochs)
    assert order.steps_per_epoch == videos // batch
    assert schedule.warmup_steps == 40 * (videos // batch)
    assert schedule.peak == pytest.approx(script.lr * batch / 256)
    assert schedule.floor == pytest.approx(1e-5 * batch / 256)
    assert settings.optim.betas == (0.9, 0.95)
    assert (settings.optim.weight_decay, settings.optim.grad_clip_norm) == (0.05, None)


@pytest.mark.parametrize("name", SCRIPTS)
def test_videomae_recipe_masks_and_predicts_as_videomae(name: str) -> None:
    _, network, script, _ = SCRIPTS[name]
    settings = resolve(PretrainConfig, preset=preset("pretrain", name))
    visual, decoder = settings.model.visual, settings.model.decoder

    assert (visual.dim, visual.depth, visual.heads) == network.encoder
    assert (decoder.dim, decoder.heads, decoder.depth) == (*network.decoder, script.decoder_depth)
    assert settings.model.fusion.kind == "none"
    assert settings.mask.ratio == script.mask_ratio
    assert (settings.loss.target, settings.loss.tokens) == ("normalized", "masked")
    assert (settings.clip.num_frames, settings.clip.frame_stride, settings.clip.image_size) == (
        16,
        4,
        224,
    )
    assert settings.crop.scales == (1.0, 0.875, 0.75, 0.66)


@pytest.mark.parametrize("name", SCRIPTS)
def test_finetuning_makes_their_steps_at_their_rates(name: str) -> None:
    videos, _, _, script = SCRIPTS[name]
    settings = resolve(FinetuneConfig, preset=preset("finetune", name))
    train, batch = settings.train, script.gpus * script.batch_size

    order = SampleOrder(num_clips=videos, batch=train.batch_size, seed=0, repeat=train.repeat)
    schedule = build_schedule(settings.optim, train.batch_size, train.epochs, order.steps_per_epoch)

    assert settings.val_fraction == 0.0
    assert (train.repeat, train.epochs) == (script.num_sample, script.epochs)
    assert train.batch_size == batch * script.num_sample
    assert order.steps_per_epoch == videos // batch
    assert schedule.warmup_steps == 5 * (videos // batch)
    assert schedule.peak == pytest.approx(script.lr * batch / 256)
    assert schedule.floor == pytest.approx(script.min_lr * batch / 256)
    assert settings.optim.betas == (0.9, 0.999)
    assert (settings.optim.weight_decay, settings.optim.grad_clip_norm) == (0.05, None)
    assert settings.optim.layer_decay == script.layer_decay


@pytest.mark.parametrize("name", SCRIPTS)
def test_finetuning_regularises_as_theirs_does(name: str) -> None:
    _, _, _, script = SCRIPTS[name]
    settings = resolve(FinetuneConfig, preset=preset("finetune", name))
    head, augment = settings.head, settings.augment

    assert settings.modality == "v"
    assert (head.drop_path, head.dropout) == (script.drop_path, script.fc_drop_rate)
    assert (head.label_smoothing, head.init_scale, head.pool) == (0.1, 0.001, "mean")
    assert (augment.mixup, augment.cutmix, augment.erase_prob, augment.hflip_prob) == (
        0.8,
        1.0,
        0.25,
        0.5,
    )
    assert (augment.randaugment_ops, augment.randaugment_magnitude) == (4, 7)
    assert (augment.randaugment_std, augment.randaugment_prob) == (0.5, 0.5)
    assert augment.crop_scale == (0.08, 1.0)
    assert augment.crop_ratio == pytest.approx((3 / 4, 4 / 3))


def test_videomae_recipes_give_the_learning_rates_printed_on_ucf101() -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", "videomae-ucf101"))
    after = resolve(FinetuneConfig, preset=preset("finetune", "videomae-ucf101"))

    pretrain = build_schedule(before.optim, before.train.batch_size, before.train.epochs, 49)
    finetune = build_schedule(after.optim, after.train.batch_size, after.train.epochs, 74)

    assert (pretrain.peak, pretrain.floor) == pytest.approx((2.25e-4, 7.5e-6))
    assert (finetune.peak, finetune.floor) == pytest.approx((2.5e-4, 5e-6))
    assert (pretrain.total_steps, finetune.total_steps) == (156_849, 7400)
