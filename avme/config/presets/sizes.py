"""Networks by size: small, base, large, with the default recipe.

The networks are those of VideoMAE's modeling_pretrain.py, the decoder's depth is its scripts'.
"""

from typing import Final

from avme.config.presets.recipe import UCF101, Layer, Recipe, Sourced

SMALL: Final[Layer] = {
    "model.visual.dim": Sourced(384, "pretrain_videomae_small_patch16_224"),
    "model.visual.depth": Sourced(12, "pretrain_videomae_small_patch16_224"),
    "model.visual.heads": Sourced(6, "pretrain_videomae_small_patch16_224"),
    "model.decoder.dim": Sourced(192, "pretrain_videomae_small_patch16_224"),
    "model.decoder.depth": Sourced(4, "kinetics/small/pretrain.sh --decoder_depth"),
    "model.decoder.heads": Sourced(3, "pretrain_videomae_small_patch16_224"),
}
BASE: Final[Layer] = {
    "model.visual.dim": Sourced(768, "pretrain_videomae_base_patch16_224"),
    "model.visual.depth": Sourced(12, "pretrain_videomae_base_patch16_224"),
    "model.visual.heads": Sourced(12, "pretrain_videomae_base_patch16_224"),
    "model.decoder.dim": Sourced(384, "pretrain_videomae_base_patch16_224"),
    "model.decoder.depth": Sourced(4, "all pretrain.sh of base: --decoder_depth"),
    "model.decoder.heads": Sourced(6, "pretrain_videomae_base_patch16_224"),
}
LARGE: Final[Layer] = {
    "model.visual.dim": Sourced(1024, "pretrain_videomae_large_patch16_224"),
    "model.visual.depth": Sourced(24, "pretrain_videomae_large_patch16_224"),
    "model.visual.heads": Sourced(16, "pretrain_videomae_large_patch16_224"),
    "model.decoder.dim": Sourced(512, "pretrain_videomae_large_patch16_224"),
    "model.decoder.depth": Sourced(12, "kinetics/large/pretrain.sh --decoder_depth"),
    "model.decoder.heads": Sourced(8, "pretrain_videomae_large_patch16_224"),
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
            "optim.layer_decay": Sourced(0.75, "run_class_finetuning.py, default"),
        },
    ),
}
