"""Presets for CPUs: tiny for tests and first steps, demo and digits for results.

All are avme's own. `demo` is run by `avme demo`; `digits` gave the results in README.
"""

from typing import Final

from avme.config.presets.recipe import Clips, Layer, Recipe, Sourced

_SMALL_DATA: Final = "ours, measured: docs/decisions.md 14"
_TINY_NETWORK: Final[Layer] = {
    "clip.num_frames": Sourced(8, "ours: minutes on a CPU"),
    "clip.frame_stride": Sourced(3, "ours: 8 frames over one second at 25 fps"),
    "clip.image_size": Sourced(64, "ours: minutes on a CPU"),
    "model.visual.dim": Sourced(128, "ours: minutes on a CPU"),
    "model.visual.depth": Sourced(4, "ours: minutes on a CPU"),
    "model.visual.heads": Sourced(4, "ours: 32 channels a head"),
    "model.visual.patch_size": Sourced(8, "ours: 8 x 8 places of 64 pixels"),
    "model.fusion.heads": Sourced(4, "ours: as the encoder"),
    "model.decoder.dim": Sourced(64, "VideoMAE: half of the encoder"),
    "model.decoder.depth": Sourced(2, "ours: half of the encoder"),
    "model.decoder.heads": Sourced(4, "ours: 16 channels a head"),
}
_TINY_PRETRAIN: Final[Layer] = {
    **_TINY_NETWORK,
    "optim.lr": Sourced(4e-3, "ours: few steps of small batches; not tuned"),
    "optim.min_lr": Sourced(1e-5, "run_mae_pretraining.py, default"),
    "optim.warmup_epochs": Sourced(8.0, "ours: under a tenth of the epochs"),
    "train.epochs": Sourced(100, "ours: minutes on a CPU"),
    "train.batch_size": Sourced(32, "ours: sets of a few hundred clips"),
}
_TINY_FINETUNE: Final[Layer] = {
    **_TINY_NETWORK,
    "head.dropout": Sourced(0.1, "ours: little is dropped from a small network"),
    "head.drop_path": Sourced(0.1, "ours: little is dropped from a small network"),
    "head.init_scale": Sourced(1.0, "ours: few steps to grow in"),
    "head.pool": Sourced("max", _SMALL_DATA),
    "head.norm": Sourced("batch", _SMALL_DATA),
    "augment.crop_scale": Sourced((0.5, 1.0), "ours: 64 pixels leave little to crop"),
    "augment.randaugment_ops": Sourced(0, "ours: few steps, light augmentation"),
    "augment.erase_prob": Sourced(0.0, "ours: few steps, light augmentation"),
    "augment.mixup": Sourced(0.0, "ours: few steps, light augmentation"),
    "augment.cutmix": Sourced(0.0, "ours: few steps, light augmentation"),
    "optim.lr": Sourced(8e-3, "ours: few steps of small batches; not tuned"),
    "optim.warmup_epochs": Sourced(5.0, "run_class_finetuning.py, default"),
    "optim.layer_decay": Sourced(1.0, "ours: the encoder has learnt little"),
    "train.epochs": Sourced(60, "ours: minutes on a CPU"),
    "train.batch_size": Sourced(16, "ours: sets of a few hundred clips"),
}

_DEMO_PATCH: Final[Layer] = {
    "model.visual.patch_size": Sourced(16, "ours: the whole demo in minutes"),
}
_DIGITS_NETWORK: Final[Layer] = {
    "clip.num_frames": Sourced(4, "ours: chosen on held-out voices of the train list"),
    "clip.frame_stride": Sourced(5, "ours: 4 frames over 20 of the 25"),
    "clip.image_size": Sourced(32, "ours: chosen on held-out voices of the train list"),
    "model.audio.blocks": Sourced((1, 1, 1, 1), "ours: an hour on one core"),
}

RECIPES: Final[dict[str, Recipe]] = {
    "tiny": Recipe(
        summary="a CPU, minutes",
        pretrain=_TINY_PRETRAIN,
        finetune={
            **_TINY_FINETUNE,
            "val_fraction": Sourced(0.0, "ours, measured: docs/decisions.md 48"),
        },
    ),
    "demo": Recipe(
        summary="what avme demo runs: 9 classes, each something seen and something heard",
        clips=Clips(
            name="avme demo",
            train=324,
            classes=9,
            source="avme demo: 18 groups of 25",
            held_out=36,
        ),
        pretrain={
            **_TINY_PRETRAIN,
            **_DEMO_PATCH,
            "loss.target": Sourced("pixel", "ours: flat pictures have no deviation to divide by"),
            "mask.ratio": Sourced(0.75, "ours: 16 places in all"),
            "optim.lr": Sourced(24e-3, "ours: smaller steps stop at one grey for all clips"),
            "optim.warmup_epochs": Sourced(3.0, "ours: 20 epochs in all"),
            "train.epochs": Sourced(20, "ours: the whole demo in minutes"),
            "train.batch_size": Sourced(16, "ours: more steps in 20 epochs"),
        },
        finetune={
            **_TINY_FINETUNE,
            **_DEMO_PATCH,
            "optim.warmup_epochs": Sourced(2.0, "ours: 25 epochs in all"),
            "train.epochs": Sourced(25, "ours: the whole demo in minutes"),
            "train.batch_size": Sourced(32, "ours: the whole demo in minutes"),
        },
        commands=("avme demo",),
    ),
    "digits": Recipe(
        summary="spoken and moving digits: 91.9 % (README), an hour on one core",
        clips=Clips(
            name="spoken digits, split 1", train=3600, classes=10, source="README", held_out=400
        ),
        pretrain={
            **_TINY_PRETRAIN,
            **_DIGITS_NETWORK,
            "loss.target": Sourced("pixel", "ours: flat pictures have no deviation to divide by"),
            "mask.ratio": Sourced(0.6, "ours: chosen on held-out voices of the train list"),
            "optim.lr": Sourced(8e-3, "ours: the run behind README's table"),
            "optim.warmup_epochs": Sourced(5.0, "ours: the run behind README's table"),
            "train.epochs": Sourced(90, "ours: the run behind README's table"),
            "train.batch_size": Sourced(64, "ours: the run behind README's table"),
        },
        finetune={
            **_TINY_FINETUNE,
            **_DIGITS_NETWORK,
            "augment.hflip_prob": Sourced(0.0, "ours: a mirrored 2 is no digit"),
            "augment.jitter_frames": Sourced(2, "ours: the run behind README's table"),
            "augment.audio_time_mask": Sourced(0.2, "ours: the run behind README's table"),
            "augment.audio_freq_mask": Sourced(2, "ours: the run behind README's table"),
            "augment.audio_noise": Sourced(0.3, "ours, measured: docs/decisions.md 15"),
            "augment.audio_dropout": Sourced(0.5, "ours, measured: docs/decisions.md 15"),
            "optim.lr": Sourced(4e-3, "ours: the run behind README's table"),
            "optim.warmup_epochs": Sourced(2.0, "ours: the run behind README's table"),
            "train.epochs": Sourced(40, "ours: the run behind README's table; 25 for sound alone"),
            "train.batch_size": Sourced(64, "ours: the run behind README's table"),
        },
    ),
}
