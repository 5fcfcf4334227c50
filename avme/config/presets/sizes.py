"""Networks by size: small, base, large, with the default recipe.

The networks are those of VideoMAE's modeling_pretrain.py, the decoder's depth is its scripts'.
"""

from typing import Final

from avme.config.presets.recipe import UCF101, CitedValue, PresetLayer, Recipe

SMALL: Final[PresetLayer] = {
    "model.visual.dim": CitedValue(384, "pretrain_videomae_small_patch16_224"),
    "model.visual.depth": CitedValue(12, "pretrain_videomae_small_patch16_224"),
    "model.visual.heads": CitedValue(6, "pretrain_videomae_small_patch16_224"),
    "model.decoder.dim": CitedValue(192, "pretrain_videomae_small_patch16_224"),
    "model.decoder.depth": CitedValue(4, "kinetics/small/pretrain.sh --decoder_depth"),
    "model.decoder.heads": CitedValue(3, "pretrain_videomae_small_patch16_224"),
}
BASE: Final[PresetLayer] = {
    "model.visual.dim": CitedValue(768, "pretrain_videomae_base_patch16_224"),
    "model.visual.depth": CitedValue(12, "pretrain_videomae_base_patch16_224"),
    "model.visual.heads": CitedValue(12, "pretrain_videomae_base_patch16_224"),
    "model.decoder.dim": CitedValue(384, "pretrain_videomae_base_patch16_224"),
    "model.decoder.depth": CitedValue(4, "all pretrain.sh of base: --decoder_depth"),
    "model.decoder.heads": CitedValue(6, "pretrain_videomae_base_patch16_224"),
}
LARGE: Final[PresetLayer] = {
    "model.visual.dim": CitedValue(1024, "pretrain_videomae_large_patch16_224"),
    "model.visual.depth": CitedValue(24, "pretrain_videomae_large_patch16_224"),
    "model.visual.heads": CitedValue(16, "pretrain_videomae_large_patch16_224"),
    "model.decoder.dim": CitedValue(512, "pretrain_videomae_large_patch16_224"),
    "model.decoder.depth": CitedValue(12, "kinetics/large/pretrain.sh --decoder_depth"),
    "model.decoder.heads": CitedValue(8, "pretrain_videomae_large_patch16_224"),
}

RECIPES: Final[dict[str, Recipe]] = {
    "small": Recipe(summary="ViT-S", clips=UCF101, pretrain=SMALL, finetune=SMALL),
    "base": Recipe(
        summary="the paper's ViT-B: the defaults", clips=UCF101, pretrain=BASE, finetune=BASE
    ),
    "large": Recipe(
        summary="ViT-L",
        clips=UCF101,
        pretrain=LARGE,
        finetune={
            **LARGE,
            "optim.layer_decay": CitedValue(0.75, "run_class_finetuning.py, default"),
        },
    ),
}
