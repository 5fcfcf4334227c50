"""AdamW with weight decay on matrices only and a learning rate that falls towards the pixels."""

import re
from collections import defaultdict
from typing import Any, Final

from torch import nn
from torch.optim import AdamW

from avme.config import OptimConfig

EPSILON: Final = 1e-8
_BLOCK = re.compile(r"visual\.blocks\.(\d+)\.")


def layer_of(name: str, depth: int) -> int:
    """0 for the embedding, i + 1 for block i, depth + 1 for all that stands above or beside."""
    if name.startswith("visual.embedding."):
        return 0
    block = _BLOCK.match(name)
    return int(block[1]) + 1 if block else depth + 1


def build_optimizer(model: nn.Module, config: OptimConfig, depth: int) -> AdamW:
    """AdamW over all weights of the model.

    Fused: one pass over the numbers instead of a dozen, on GPUs and CPUs alike.
    """
    groups = parameter_groups(model, config, depth)
    return AdamW(groups, lr=config.lr, betas=config.betas, eps=EPSILON, fused=True)


def parameter_groups(model: nn.Module, config: OptimConfig, depth: int) -> list[dict[str, Any]]:
    """Groups carry `scale`, the factor that layer decay puts on the schedule's rate."""
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
