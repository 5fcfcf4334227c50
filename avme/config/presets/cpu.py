"""Presets for CPUs: tiny for first steps, small-cpu for an evening, demo and digits.

All are avme's own. `demo` is run by `avme demo`; `digits` is for moving and spoken
digits.
"""

from typing import Final

from avme.config.presets.recipe import CitedValue, DatasetFacts, PresetLayer, Recipe

_SMALL_DATA: Final = "ours, measured: docs/decisions.md 14"
_DEMO: Final = "ours, measured: docs/decisions.md 230"
_DIGITS: Final = "ours, measured: docs/decisions.md 218"
_TINY_NETWORK: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(8, "ours: minutes on a CPU"),
    "clip.frame_stride": CitedValue(3, "ours: 8 frames over one second at 25 fps"),
    "clip.image_size": CitedValue(64, "ours: minutes on a CPU"),
    "model.visual.dim": CitedValue(128, "ours: minutes on a CPU"),
    "model.visual.depth": CitedValue(4, "ours: minutes on a CPU"),
    "model.visual.heads": CitedValue(4, "ours: 32 channels a head"),
    "model.visual.patch_size": CitedValue(8, "ours: 8 x 8 places of 64 pixels"),
    "model.fusion.heads": CitedValue(4, "ours: as the encoder"),
    "model.decoder.dim": CitedValue(64, "VideoMAE: half of the encoder"),
    "model.decoder.depth": CitedValue(2, "ours: half of the encoder"),
    "model.decoder.heads": CitedValue(4, "ours: 16 channels a head"),
}
_TINY_PRETRAIN: Final[PresetLayer] = {
    **_TINY_NETWORK,
    "mask.ratio": CitedValue(0.75, "ours: 16 of 64 places stay visible; 0.9 leaves 7"),
    "optim.lr": CitedValue(4e-3, "ours: few steps of small batches; not tuned"),
    "optim.min_lr": CitedValue(1e-5, "run_mae_pretraining.py, default"),
    "optim.warmup_epochs": CitedValue(8.0, "ours: under a tenth of the epochs"),
    "train.epochs": CitedValue(100, "ours: minutes on a CPU"),
    "train.batch_size": CitedValue(32, "ours: sets of a few hundred clips"),
}
_TINY_FINETUNE: Final[PresetLayer] = {
    **_TINY_NETWORK,
    "head.dropout": CitedValue(0.1, "ours: little is dropped from a small network"),
    "head.drop_path": CitedValue(0.1, "ours: little is dropped from a small network"),
    "head.init_scale": CitedValue(1.0, "ours: few steps to grow in"),
    "head.pool": CitedValue("max", _SMALL_DATA),
    "head.norm": CitedValue("batch", _SMALL_DATA),
    "augment.crop_scale": CitedValue((0.5, 1.0), "ours: 64 pixels leave little to crop"),
    "augment.randaugment_ops": CitedValue(0, "ours: few steps, light augmentation"),
    "augment.erase_prob": CitedValue(0.0, "ours: few steps, light augmentation"),
    "augment.mixup": CitedValue(0.0, "ours: few steps, light augmentation"),
    "augment.cutmix": CitedValue(0.0, "ours: few steps, light augmentation"),
    "optim.lr": CitedValue(8e-3, "ours: few steps of small batches; not tuned"),
    "optim.warmup_epochs": CitedValue(5.0, "run_class_finetuning.py, default"),
    "optim.layer_decay": CitedValue(1.0, "ours: the encoder has learnt little"),
    "train.epochs": CitedValue(60, "ours: minutes on a CPU"),
    "train.batch_size": CitedValue(16, "ours: sets of a few hundred clips"),
}

_DEMO_NETWORK: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(4, _DEMO),
    "clip.frame_stride": CitedValue(6, "ours: 4 frames over 24 of the 28"),
    "clip.image_size": CitedValue(48, _DEMO),
    "model.visual.dim": CitedValue(96, _DEMO),
    "model.visual.depth": CitedValue(3, _DEMO),
    "model.visual.heads": CitedValue(4, "ours: 24 channels a head"),
    "model.visual.patch_size": CitedValue(8, "ours: 6 x 6 places of 48 pixels"),
    "model.decoder.dim": CitedValue(64, "ours: two thirds of the encoder"),
    "model.visual.embed": CitedValue("conv", "ours, measured: docs/decisions.md 211"),
    "model.visual.positions": CitedValue("separable", _DEMO),
    "model.audio.blocks": CitedValue((1, 1, 1, 1), _DEMO),
}
_DIGITS_NETWORK: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(4, "ours: chosen on held-out voices of the train list"),
    "clip.frame_stride": CitedValue(5, "ours: 4 frames over 20 of the 25"),
    "clip.image_size": CitedValue(32, "ours: chosen on held-out voices of the train list"),
    "model.audio.blocks": CitedValue((1, 1, 1, 1), "ours: an hour on one core"),
    "model.visual.embed": CitedValue("conv", "ours, measured: docs/decisions.md 211"),
    "model.visual.positions": CitedValue("separable", "ours, measured: docs/decisions.md 215"),
}
_SMALL_CPU_NETWORK: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(8, "ours: as tiny"),
    "clip.frame_stride": CitedValue(4, "ucf101/pretrain.sh --sampling_rate"),
    "clip.image_size": CitedValue(64, "ours: 8 x 8 places of 8 pixels"),
    "model.visual.dim": CitedValue(192, "ours: 1.5 times tiny"),
    "model.visual.depth": CitedValue(6, "ours: 1.5 times tiny"),
    "model.visual.heads": CitedValue(4, "ours: 48 channels a head"),
    "model.visual.patch_size": CitedValue(8, "ours: 8 x 8 places of 64 pixels"),
    "model.visual.embed": CitedValue("conv", "ours, measured: docs/decisions.md 211"),
    "model.visual.positions": CitedValue("separable", "ours, measured: docs/decisions.md 215"),
    "model.audio.blocks": CitedValue((1, 1, 1, 1), "ours: as digits"),
    "model.fusion.heads": CitedValue(4, "ours: as the encoder"),
    "model.decoder.dim": CitedValue(96, "VideoMAE: half of the encoder"),
    "model.decoder.depth": CitedValue(2, "ours: a third of the encoder"),
    "model.decoder.heads": CitedValue(2, "ours: 48 channels a head, as the encoder"),
}

RECIPES: Final[dict[str, Recipe]] = {
    "tiny": Recipe(
        summary="a CPU, minutes",
        pretrain=_TINY_PRETRAIN,
        finetune={
            **_TINY_FINETUNE,
            "val_fraction": CitedValue(0.0, "ours, measured: docs/decisions.md 48"),
        },
    ),
    "demo": Recipe(
        summary="avme demo: 9 classes, 3 video patterns with 3 audio patterns",
        clips=DatasetFacts(
            name="avme demo",
            train=162,
            classes=9,
            source="avme demo: 18 groups of 25",
            held_out=18,
        ),
        pretrain={
            **_TINY_PRETRAIN,
            **_DEMO_NETWORK,
            "crop.scales": CitedValue((1.0,), "ours: patterns have their place in the frame"),
            "loss.target": CitedValue("pixel", "ours: flat frames have no deviation to divide by"),
            "mask.ratio": CitedValue(0.5, "ours: 18 of 36 places stay visible"),
            "optim.lr": CitedValue(48e-3, _DEMO),
            "optim.warmup_epochs": CitedValue(3.0, "ours: 30 epochs in all"),
            "train.epochs": CitedValue(30, _DEMO),
            "train.batch_size": CitedValue(8, "ours: more steps in the same time"),
            "train.num_workers": CitedValue(0, "ours: clips of kilobytes"),
        },
        finetune={
            **_TINY_FINETUNE,
            **_DEMO_NETWORK,
            "head.unimodal_weight": CitedValue(1.0, "ours: one run for v, a, product and av"),
            "head.residual": CitedValue(True, "ours, measured: docs/decisions.md 217"),
            "augment.shift": CitedValue(0.1, "ours: patterns have their place in the frame"),
            "optim.lr": CitedValue(16e-3, "ours: the rate of tiny for half of its batch"),
            "optim.warmup_epochs": CitedValue(2.0, "ours: 25 epochs in all"),
            "train.epochs": CitedValue(25, "ours: the whole demo in minutes"),
            "train.num_workers": CitedValue(0, "ours: clips of kilobytes"),
        },
        commands=("avme demo",),
    ),
    "digits": Recipe(
        summary="spoken and moving digits: an hour on one core",
        clips=DatasetFacts(
            name="spoken digits, split 1", train=3600, classes=10, source="README", held_out=400
        ),
        pretrain={
            **_TINY_PRETRAIN,
            **_DIGITS_NETWORK,
            "loss.target": CitedValue("pixel", "ours: flat frames have no deviation to divide by"),
            "mask.ratio": CitedValue(0.5, "ours: 8 of 16 places stay visible"),
            "crop.shift": CitedValue(0.1, "ours: a crop cuts the digit (docs/decisions.md 212)"),
            "optim.lr": CitedValue(24e-3, _DIGITS),
            "optim.warmup_epochs": CitedValue(2.0, "ours: a tenth of the epochs"),
            "train.epochs": CitedValue(20, _DIGITS),
            "train.batch_size": CitedValue(16, _DIGITS),
        },
        finetune={
            **_TINY_FINETUNE,
            **_DIGITS_NETWORK,
            "val_fraction": CitedValue(0.0, "ours: as tiny (docs/decisions.md 48)"),
            "head.unimodal_weight": CitedValue(1.0, "ours: one run for v, a, product and av"),
            "head.residual": CitedValue(True, "ours: fused logits start at the product of both"),
            "augment.shift": CitedValue(0.1, "ours: a crop cuts the digit (docs/decisions.md 212)"),
            "augment.hflip_prob": CitedValue(0.0, "ours: a mirrored 2 is no digit"),
            "augment.jitter_frames": CitedValue(2, "ours: clips of 25 frames, windows of 20"),
            "augment.audio_time_mask": CitedValue(0.2, "ours: light augmentation of audio"),
            "augment.audio_freq_mask": CitedValue(2, "ours: light augmentation of audio"),
            "augment.audio_noise": CitedValue(0.3, "ours, measured: docs/decisions.md 15"),
            "augment.audio_dropout": CitedValue(0.5, "ours, measured: docs/decisions.md 15"),
            "optim.lr": CitedValue(8e-3, _DIGITS),
            "optim.warmup_epochs": CitedValue(2.0, "ours: 50 epochs in all"),
            "train.epochs": CitedValue(50, _DIGITS),
            "train.batch_size": CitedValue(64, "ours: 56 steps an epoch"),
        },
    ),
    "small-cpu": Recipe(
        summary="any dataset of a few thousand clips: an evening on a laptop",
        clips=DatasetFacts(
            name="a few thousand clips", train=3000, classes=20, source="ours: for hours and steps"
        ),
        pretrain={
            **_SMALL_CPU_NETWORK,
            "loss.target": CitedValue("normalized", "VideoMAE; for footage, not flat frames"),
            "mask.ratio": CitedValue(0.75, "ours: 16 of 64 places stay visible"),
            "crop.scales": CitedValue((1.0, 0.875, 0.75), "ours: 64 pixels leave little to crop"),
            "optim.lr": CitedValue(8e-3, "ours: few steps of small batches; not tuned"),
            "optim.min_lr": CitedValue(1e-5, "run_mae_pretraining.py, default"),
            "optim.warmup_epochs": CitedValue(8.0, "ours: a tenth of the epochs"),
            "train.epochs": CitedValue(80, "ours: an evening on two cores"),
            "train.batch_size": CitedValue(32, "ours: more steps than with larger ones"),
        },
        finetune={
            **_TINY_FINETUNE,
            **_SMALL_CPU_NETWORK,
            "head.unimodal_weight": CitedValue(1.0, "ours: one run for v, a, product and av"),
            "head.residual": CitedValue(True, "ours: fused logits start at the product of both"),
            "augment.randaugment_ops": CitedValue(2, "ours: half of VideoMAE's, for few steps"),
            "optim.warmup_epochs": CitedValue(3.0, "ours: a tenth of the epochs"),
            "train.epochs": CitedValue(30, "ours: an evening on two cores"),
            "train.batch_size": CitedValue(32, "ours: more steps than with larger ones"),
        },
    ),
}
