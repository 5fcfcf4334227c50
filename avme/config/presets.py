"""Named sizes of the network with the recipe that suits each: tiny, small, base, large.

A preset is a nested dict laid over the defaults; base is the defaults themselves. An empty entry
does not mean "leave it": `preset` fills in every setting that any preset of the stage touches, so
that asking for base by name really asks for base.
"""

from collections.abc import Mapping
from typing import Any, Final

from avme.config.base import Settings
from avme.config.finetune import FinetuneConfig
from avme.config.pretrain import PretrainConfig
from avme.config.tree import Leaves, flatten, nest
from avme.errors import UsageError

Tree = Mapping[str, Any]

_MODELS: Final[dict[str, Tree]] = {
    "tiny": {
        "visual": {"dim": 128, "depth": 4, "heads": 4, "patch": 8},
        "fusion": {"heads": 4},
        "decoder": {"dim": 64, "depth": 2, "heads": 4},
    },
    "small": {
        "visual": {"dim": 384, "depth": 12, "heads": 6},
        "decoder": {"dim": 192, "depth": 4, "heads": 3},
    },
    "base": {},
    "large": {
        "visual": {"dim": 1024, "depth": 24, "heads": 16},
        "decoder": {"dim": 512, "depth": 12, "heads": 8},
    },
}

_TINY_CLIP: Final[Tree] = {"num_frames": 8, "stride": 3, "size": 64}

PRESETS: Final[dict[str, dict[str, Tree]]] = {
    "pretrain": {
        "tiny": {
            "clip": _TINY_CLIP,
            "model": _MODELS["tiny"],
            "optim": {"lr": 4e-3, "min_lr": 1e-5, "warmup_epochs": 8.0},
            "train": {"epochs": 100, "batch": 32},
        },
        "small": {"model": _MODELS["small"]},
        "base": {},
        "large": {"model": _MODELS["large"]},
    },
    "finetune": {
        "tiny": {
            "clip": _TINY_CLIP,
            "model": _MODELS["tiny"],
            "head": {
                "dropout": 0.1,
                "drop_path": 0.1,
                "init_scale": 1.0,
                "pool": "max",
                "norm": "batch",
            },
            "augment": {
                "scale": (0.5, 1.0),
                "randaugment_ops": 0,
                "erase": 0.0,
                "mixup": 0.0,
                "cutmix": 0.0,
            },
            "optim": {"lr": 8e-3, "warmup_epochs": 5.0, "layer_decay": 1.0},
            "train": {"epochs": 60, "batch": 16},
        },
        "small": {"model": _MODELS["small"]},
        "base": {},
        "large": {"model": _MODELS["large"], "optim": {"layer_decay": 0.75}},
    },
}

_STAGES: Final[dict[str, type[Settings]]] = {
    "pretrain": PretrainConfig,
    "finetune": FinetuneConfig,
}


def preset(stage: str, name: str, *, only_recipe: bool = False) -> dict[str, Any]:
    """Every setting that the presets of `stage` disagree on, as the preset `name` has it.

    `only_recipe` leaves out the model and the clip, for a stage that takes both from a checkpoint.
    Raises UsageError for a name that does not exist.
    """
    presets = PRESETS[stage]
    if name not in presets:
        raise UsageError(f"no preset {name!r} for {stage}: choose from {', '.join(presets)}")
    touched: Leaves = {key: None for tree in presets.values() for key in flatten(tree)}
    defaults = flatten(_STAGES[stage]().model_dump())
    chosen = {key: defaults[key] for key in touched} | flatten(presets[name])
    if only_recipe:
        chosen = {k: v for k, v in chosen.items() if k.split(".")[0] not in ("model", "clip")}
    return nest(chosen)
