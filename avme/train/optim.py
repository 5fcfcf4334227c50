"""AdamW with weight decay on matrices only and layer-wise learning-rate decay."""

import re
from collections import defaultdict
from typing import Any, Final

from torch import nn
from torch.optim import AdamW

from avme.config import OptimConfig

EPSILON: Final = 1e-8
_BLOCK = re.compile(r"visual\.blocks\.(\d+)\.")


def layer_of(name: str, depth: int) -> int:
    """Return the layer index: 0 embedding, i + 1 block i, depth + 1 everything else."""
    if name.startswith("visual.embedding."):
        return 0
    block = _BLOCK.match(name)
    return int(block[1]) + 1 if block else depth + 1


def build_optimizer(model: nn.Module, config: OptimConfig, depth: int) -> AdamW:
    """Build fused AdamW over all weights of the model.

    Args:
        model: Model to train.
        config: Optimizer settings.
        depth: Number of encoder blocks.
    """
    groups = parameter_groups(model, config, depth)
    return AdamW(groups, lr=config.lr, betas=config.betas, eps=EPSILON, fused=True)


def parameter_groups(model: nn.Module, config: OptimConfig, depth: int) -> list[dict[str, Any]]:
    """Return parameter groups; `scale` is the factor of layer decay on the schedule's rate.

    Args:
        model: Model to train.
        config: Optimizer settings.
        depth: Number of encoder blocks.
    """
    members: dict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        members[layer_of(name, depth), parameter.ndim > 1].append(parameter)
    return [
        {
            "params": parameters,
            "scale": config.layer_decay ** (depth + 1 - layer),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (layer, decays), parameters in sorted(members.items(), key=lambda item: item[0])
    ]
