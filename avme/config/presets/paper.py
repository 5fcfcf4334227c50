"""Preset of the paper; where the paper is silent, VideoMAE's for the same data (UCF101).

The paper states little about its training (IV-C: weights of Kinetics-400, "around 1200 epochs",
fine-tuning), so that most lines are VideoMAE's.
"""

from typing import Final

from avme.config.presets.recipe import UCF101, CitedValue, PresetLayer, Recipe
from avme.config.presets.videomae import UCF101_FINETUNE, UCF101_PRETRAIN

_NETWORK: Final[PresetLayer] = {
    "clip.num_frames": CitedValue(16, "paper Table I"),
    "clip.frame_stride": CitedValue(4, "ucf101/pretrain.sh --sampling_rate"),
    "clip.image_size": CitedValue(224, "ucf101/finetune.sh --input_size"),
    "model.visual.dim": CitedValue(768, "paper Table I, IV-C: ViT-B"),
    "model.visual.depth": CitedValue(12, "paper Table I, IV-C: ViT-B"),
    "model.visual.heads": CitedValue(12, "paper Table I, IV-C: ViT-B"),
    "model.audio.blocks": CitedValue((3, 4, 6, 3), "paper III-C: ResNet34"),
    "model.fusion.kind": CitedValue("cross-attention", "paper III-D"),
    "model.decoder.dim": CitedValue(384, "paper III-E: as VideoMAE, base"),
    "model.decoder.depth": CitedValue(4, "paper III-E"),
    "model.decoder.heads": CitedValue(6, "paper III-E: as VideoMAE, base"),
}

RECIPES: Final[dict[str, Recipe]] = {
    "paper": Recipe(
        summary="AV-MaskEnhancer: UCF101 from VideoMAE's weights of Kinetics-400",
        clips=UCF101,
        starts_from="VideoMAE's ViT-B of Kinetics-400 (paper IV-C)",
        pretrain={
            **UCF101_PRETRAIN,
            **_NETWORK,
            "mask.ratio": CitedValue(0.9, "paper III-B, III-F, Table I: best of 0.75, 0.9, 0.95"),
            "loss.target": CitedValue("normalized", "VideoMAE, as in paper III-G; eq. 7: pixels"),
            "loss.tokens": CitedValue("masked", "VideoMAE, as in paper III-G; eq. 7: all pixels"),
            "train.epochs": CitedValue(1200, "paper IV-C: around 1200"),
        },
        finetune={
            **UCF101_FINETUNE,
            **_NETWORK,
            "modality": CitedValue("av", "paper Table I: V+A"),
            "val_fraction": CitedValue(0.0, "paper IV-A: 9.5k train clips, so none is held out"),
        },
        commands=(
            "avme prep ucf101 /data/UCF-101",
            "avme pretrain --preset paper --data ucf101 --init videomae-k400-base.pth",
            "avme finetune --from runs/pretrain-ucf101 --data ucf101",
            "avme eval runs/finetune-ucf101-av --data ucf101 --topk 1 5",
        ),
        differs=(
            "rates, batches, warm-up and augmentation: the paper does not give its own",
            "attention keeps a residual (docs/decisions.md 20); eq. 6 as printed has none",
        ),
    )
}
