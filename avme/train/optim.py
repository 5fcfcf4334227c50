"""AdamW with weight decay on matrices only and layer-wise learning-rate decay, and its update."""

import re
from collections import defaultdict
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from avme.config import OptimConfig
from avme.train.grad_norm import clip_gradients, gradient_norms

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


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group to its `scale` times the schedule's rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


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


def update_weights(
    model: nn.Module, optimizer: Optimizer, scaler: torch.amp.GradScaler, max_norm: float | None
) -> dict[str, Tensor]:
    """Update the weights by their gradients, which are then cleared.

    Args:
        model: Model with gradients, scaled by the scaler.
        optimizer: Optimizer of its weights.
        scaler: Loss scaler; it skips an update whose gradients overflow.
        max_norm: Limit of the gradient norm; None for no clipping.

    Returns:
        Gradient norms before clipping; of an enabled scaler also `loss_scale` and `skipped` (0 or
        1), and norms of 0 if the update is skipped.
    """
    scaler.unscale_(optimizer)
    norms = gradient_norms(model)
    if scaler.is_enabled():
        norms |= _scaling(norms, scaler)
    if max_norm is not None:
        clip_gradients(model, max_norm, norms["grad_norm"])
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return norms


def _scaling(norms: dict[str, Tensor], scaler: torch.amp.GradScaler) -> dict[str, Tensor]:
    """Return norms of 0 for an update that will be skipped, with `skipped` and `loss_scale`."""
    skips = ~torch.isfinite(norms["grad_norm"])
    counted = {name: torch.where(skips, 0.0, norm) for name, norm in norms.items()}
    one = torch.ones((), device=skips.device)
    return {**counted, "skipped": skips.float(), "loss_scale": scaler.scale(one)}
