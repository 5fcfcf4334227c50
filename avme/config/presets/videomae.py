"""VideoMAE's own recipes, from its scripts and the defaults of its two programs (commit 14ef8d8).

Read its numbers so: its batch and its learning rate count videos, of which `--num_sample` windows
are drawn into one step; ours count windows. Its 128 videos with 2 windows each at 5e-4 are our 256
windows at 2.5e-4: the true rate is 2.5e-4 in both. `--warmup_lr` does nothing there: the warm-up
begins at 0. Its `--epochs 1601` is what it calls 1600.
"""

from typing import Final, NamedTuple

from avme.config.presets.recipe import (
    KINETICS400,
    UCF101,
    CitedValue,
    DatasetFacts,
    PresetLayer,
    Recipe,
)
from avme.config.presets.sizes import BASE, LARGE, SMALL

_PROGRAM: Final = "run_mae_pretraining.py"
_TUNER: Final = "run_class_finetuning.py"
_KINETICS: Final = "avme prep kinetics /data/k400 --annotations train.csv val.csv"

_PICTURES: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(16, "all scripts: --num_frames"),
    "clip.frame_stride": CitedValue(4, "all scripts: --sampling_rate"),
    "clip.image_size": CitedValue(224, "finetune.sh --input_size"),
    "model.fusion.kind": CitedValue("none", "VideoMAE sees only"),
}
_PRETRAIN: Final[PresetLayer] = {
    **_PICTURES,
    "loss.target": CitedValue("normalized", f"{_PROGRAM}: --normlize_target"),
    "loss.tokens": CitedValue("masked", "engine_for_pretraining.py"),
    "crop.scales": CitedValue((1.0, 0.875, 0.75, 0.66), "datasets.py: GroupMultiScaleCrop"),
    "optim.min_lr": CitedValue(1e-5, f"{_PROGRAM}, default; scaled as the rate"),
    "optim.warmup_epochs": CitedValue(40.0, "all pretrain.sh: --warmup_epochs"),
    "optim.weight_decay": CitedValue(0.05, f"{_PROGRAM}, default; not on 1-D tensors"),
    "optim.betas": CitedValue((0.9, 0.95), "all pretrain.sh: --opt_betas"),
    "optim.grad_clip_norm": CitedValue(None, f"{_PROGRAM}, default"),
    "optim.layer_decay": CitedValue(1.0, f"{_PROGRAM} has none"),
    "train.repeat": CitedValue(1, f"{_PROGRAM} has no --num_sample"),
}
_FINETUNE: Final[PresetLayer] = {
    **_PICTURES,
    "modality": CitedValue("v", "VideoMAE sees only"),
    "val_fraction": CitedValue(0.0, "DATASET.md: trains on the whole list; the last epoch counts"),
    "head.init_scale": CitedValue(0.001, f"{_TUNER}, default"),
    "head.label_smoothing": CitedValue(0.1, f"{_TUNER}, default"),
    "head.pool": CitedValue("mean", f"{_TUNER}: --use_mean_pooling"),
    "head.norm": CitedValue("layer", "modeling_finetune.py: fc_norm"),
    "augment.crop_scale": CitedValue((0.08, 1.0), "kinetics.py: spatial_sampling"),
    "augment.crop_ratio": CitedValue((0.75, 4 / 3), "kinetics.py: spatial_sampling"),
    "augment.hflip_prob": CitedValue(0.5, "kinetics.py: spatial_sampling, not for SSV2"),
    "augment.randaugment_ops": CitedValue(4, f"{_TUNER}, default: --aa rand-m7-n4-mstd0.5-inc1"),
    "augment.randaugment_magnitude": CitedValue(7.0, f"{_TUNER}, default: --aa"),
    "augment.randaugment_std": CitedValue(0.5, f"{_TUNER}, default: --aa"),
    "augment.randaugment_prob": CitedValue(0.5, "rand_augment.py: rand_augment_ops"),
    "augment.erase_prob": CitedValue(0.25, f"{_TUNER}, default: --reprob"),
    "augment.mixup": CitedValue(0.8, f"{_TUNER}, default; in half of the steps"),
    "augment.cutmix": CitedValue(1.0, f"{_TUNER}, default; in half of the steps"),
    "optim.warmup_epochs": CitedValue(5.0, f"{_TUNER}, default"),
    "optim.weight_decay": CitedValue(0.05, "all finetune.sh: --weight_decay"),
    "optim.betas": CitedValue((0.9, 0.999), "all finetune.sh: --opt_betas"),
    "optim.grad_clip_norm": CitedValue(None, f"{_TUNER}, default"),
}
_DIFFERS: Final = (
    "float16 there (--precision fp16); bfloat16 here on GPUs that have it",
    "fine-tuning: 16 frames spread over 64 there, every fourth frame here",
    "fine-tuning: both windows of a video in one step there, anywhere in the epoch here",
    "fine-tuning: RandAugment before the crop, with bicubic interpolation there; after the crop, "
    "bilinear here",
    "fine-tuning: erasing with noise there, with the mean color here",
)

UCF101_PRETRAIN: Final[PresetLayer] = {
    **_PRETRAIN,
    **BASE,
    "mask.ratio": CitedValue(0.75, "ucf101/pretrain.sh --mask_ratio"),
    "optim.lr": CitedValue(3e-4, "ucf101/pretrain.sh --lr"),
    "train.epochs": CitedValue(3201, "ucf101/pretrain.sh --epochs"),
    "train.batch_size": CitedValue(192, "ucf101/pretrain.sh: 24 on each of 8 GPUs"),
}
UCF101_FINETUNE: Final[PresetLayer] = {
    **_FINETUNE,
    **BASE,
    "head.dropout": CitedValue(0.5, "ucf101/finetune.sh --fc_drop_rate"),
    "head.drop_path": CitedValue(0.2, "ucf101/finetune.sh --drop_path"),
    "optim.lr": CitedValue(2.5e-4, "ucf101/finetune.sh --lr 5e-4, over 2 windows of a video"),
    "optim.min_lr": CitedValue(5e-6, "ucf101/finetune.sh --min_lr 1e-5, over 2 windows of a video"),
    "optim.layer_decay": CitedValue(0.7, "ucf101/finetune.sh --layer_decay"),
    "train.epochs": CitedValue(100, "ucf101/finetune.sh --epochs"),
    "train.batch_size": CitedValue(
        256, "ucf101/finetune.sh: 16 videos x 2 windows on each of 8 GPUs"
    ),
    "train.repeat": CitedValue(2, "ucf101/finetune.sh --num_sample"),
}


class _Finetune(NamedTuple):
    """As a finetune.sh gives it: `batch` are videos of one GPU."""

    batch: int
    num_sample: int
    lr: float
    epochs: int


def _recipe(
    summary: str, name: str, clips: DatasetFacts, pretrain: PresetLayer, finetune: PresetLayer
) -> Recipe:
    data, prep = (
        ("ucf101", "avme prep ucf101 /data/UCF-101")
        if clips is UCF101
        else ("kinetics", f"{_KINETICS} --set short_side=320")
    )
    return Recipe(
        summary=summary,
        clips=clips,
        pretrain=pretrain,
        finetune=finetune,
        commands=(
            prep,
            f"avme pretrain --preset {name} --data {data}",
            f"avme finetune --from runs/pretrain-{data} --data {data}",
            f"avme eval runs/finetune-{data}-v --data {data} --topk 1 5",
        ),
        differs=_DIFFERS,
    )


def _kinetics(
    summary: str,
    name: str,
    folder: str,
    network: PresetLayer,
    *,
    gpus: int,
    batch: int,
    epochs: int,
    tune: _Finetune,
) -> Recipe:
    """Build both stages of a size; `batch`, `epochs` and `tune` are those of its two scripts."""
    windows = tune.num_sample
    script = f"{folder}/finetune.sh"
    rate = f"over {windows} windows of a video" if windows > 1 else "one window of a video"
    return _recipe(
        summary,
        name,
        KINETICS400,
        {
            **_PRETRAIN,
            **network,
            "mask.ratio": CitedValue(0.9, f"{folder}/pretrain.sh --mask_ratio"),
            "optim.lr": CitedValue(1.5e-4, f"{_PROGRAM}, default"),
            "train.epochs": CitedValue(epochs, f"{folder}/pretrain.sh --epochs"),
            "train.batch_size": CitedValue(
                gpus * batch, f"{folder}/pretrain.sh: {batch} on each of {gpus} GPUs"
            ),
        },
        {
            **_FINETUNE,
            **network,
            "head.dropout": CitedValue(0.0, f"{_TUNER}, default: --fc_drop_rate"),
            "head.drop_path": CitedValue(0.1, f"{_TUNER}, default"),
            "optim.lr": CitedValue(tune.lr / windows, f"{script} --lr {tune.lr:g}, {rate}"),
            "optim.min_lr": CitedValue(1e-6 / windows, f"{_TUNER}, default 1e-6, {rate}"),
            "optim.layer_decay": CitedValue(0.75, f"{_TUNER}, default"),
            "train.epochs": CitedValue(tune.epochs, f"{script} --epochs"),
            "train.batch_size": CitedValue(
                gpus * tune.batch * windows,
                f"{script}: {tune.batch} videos x {windows} on each of {gpus} GPUs",
            ),
            "train.repeat": CitedValue(windows, f"{script} --num_sample"),
        },
    )


RECIPES: Final[dict[str, Recipe]] = {
    "videomae-ucf101": _recipe(
        "VideoMAE, ViT-B, UCF101 alone, 3200 epochs: 91.3 % there",
        "videomae-ucf101",
        UCF101,
        UCF101_PRETRAIN,
        UCF101_FINETUNE,
    ),
    "videomae-k400-small": _kinetics(
        "VideoMAE, ViT-S, Kinetics-400, 1600 epochs: 79.0 % there",
        "videomae-k400-small",
        "kinetics/small",
        SMALL,
        gpus=32,
        batch=32,
        epochs=1601,
        tune=_Finetune(batch=12, num_sample=2, lr=5e-4, epochs=150),
    ),
    "videomae-k400": _kinetics(
        "VideoMAE, ViT-B, Kinetics-400, 1600 epochs: 81.5 % there",
        "videomae-k400",
        "kinetics/base-1600",
        BASE,
        gpus=64,
        batch=32,
        epochs=1601,
        tune=_Finetune(batch=6, num_sample=2, lr=5e-4, epochs=75),
    ),
    "videomae-k400-e800": _kinetics(
        "VideoMAE, ViT-B, Kinetics-400, 800 epochs: 80.0 % there",
        "videomae-k400-e800",
        "kinetics/base-800",
        BASE,
        gpus=64,
        batch=32,
        epochs=801,
        tune=_Finetune(batch=8, num_sample=1, lr=1e-3, epochs=100),
    ),
    "videomae-k400-large": _kinetics(
        "VideoMAE, ViT-L, Kinetics-400, 1600 epochs: 85.2 % there",
        "videomae-k400-large",
        "kinetics/large",
        LARGE,
        gpus=64,
        batch=8,
        epochs=1601,
        tune=_Finetune(batch=2, num_sample=2, lr=2e-3, epochs=35),
    ),
}
