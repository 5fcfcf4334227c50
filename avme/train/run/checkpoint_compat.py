"""Check of a checkpoint against the model of its settings: names, shapes and types.

The model is built on the meta device, which has shapes only: forged sizes are refused before they
take memory.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from avme.checkpoint.file import Checkpoint
from avme.config import OptimConfig
from avme.errors import MismatchError
from avme.models.build import shapes_only
from avme.train.optim import EPSILON, parameter_groups

_NEVER: Final = ("amsgrad", "maximize")
_MOMENTS: Final = ("exp_avg", "exp_avg_sq")


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Build the model on the meta device."""
    with shapes_only():
        return build()


def require_fitting_weights(owner: object, tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Check names, shapes and types of tensors against a model.

    Args:
        owner: File of the tensors, for the message.
        tensors: Tensors by name.
        model: Model, possibly on the meta device.

    Raises:
        MismatchError: They differ.
    """
    own = model.state_dict()
    for what, names in (("lacks", own.keys() - tensors), ("also holds", tensors.keys() - own)):
        if names:
            raise MismatchError(
                f"{owner} {what} {min(names)} ({len(names)} tensors), unlike the model of its "
                "settings: take another checkpoint, or its own settings"
            )
    for name, tensor in tensors.items():
        _require_like(owner, name, tensor, own[name])


def require_fitting_run(
    owner: object, checkpoint: Checkpoint, model: nn.Module, config: OptimConfig, depth: int
) -> None:
    """Check everything that a run resumes from: model, average and optimizer.

    Args:
        owner: File of the checkpoint, for the message.
        checkpoint: Checkpoint.
        model: Model, possibly on the meta device.
        config: Optimizer settings.
        depth: Number of encoder blocks.
    """
    require_fitting_weights(owner, checkpoint.model, model)
    if checkpoint.average:
        require_fitting_weights(f"the average of {owner}", checkpoint.weights, model)
    groups = checkpoint.optimizer.get("param_groups", [])
    states = checkpoint.optimizer.get("state", {})
    wanted, parameters = parameter_groups(model, config, depth), list[Tensor]()
    if len(groups) != len(wanted):
        _refuse(owner, f"its optimizer has {len(groups)} groups, expected {len(wanted)}")
    for found, own in zip(groups, wanted, strict=True):
        first = len(parameters)
        parameters += own["params"]
        fixed = {
            "params": list(range(first, len(parameters))),
            "scale": own["scale"],
            "weight_decay": own["weight_decay"],
            "betas": list(config.betas),
            "eps": EPSILON,
        }
        for name, value in fixed.items():
            if not _is_close(found.get(name), value):
                _refuse(owner, f"{name} of a group of its optimizer is {found.get(name)!r:.40}")
        for name in found.keys() - fixed.keys() - {"lr"}:
            if not isinstance(found[name], bool | None) or (name in _NEVER and found[name]):
                _refuse(owner, f"{name} of a group of its optimizer is {found[name]!r:.40}")
    for number, state in states.items():
        if number not in range(len(parameters)) or not state.keys() >= set(_MOMENTS):
            _refuse(owner, f"its optimizer has no state for weight {number}")
        for name in _MOMENTS:
            _require_like(owner, f"{name} of weight {number}", state[name], parameters[number])
        steps = torch.as_tensor(state.get("step", -1))
        if steps.ndim or not 0 <= float(steps) < math.inf:
            _refuse(owner, f"the steps of weight {number} in its optimizer are not a count")


def _require_like(owner: object, name: str, tensor: Any, own: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        _refuse(owner, f"{name} is {type(tensor).__name__}, expected a tensor")
    if tensor.shape != own.shape or tensor.dtype != own.dtype:
        found, expected = (
            f"{tuple(one.shape)} of {str(one.dtype).removeprefix('torch.')}"
            for one in (tensor, own)
        )
        _refuse(owner, f"{name} is {found}, expected {expected}")


def _refuse(owner: object, what: str) -> None:
    raise MismatchError(
        f"{owner}: {what}, as follows from its settings: take another checkpoint, or its own "
        "settings"
    )


def _is_close(found: Any, value: Any) -> bool:
    if isinstance(value, list):
        same = isinstance(found, list | tuple) and len(found) == len(value)
        return same and all(map(_is_close, found, value))
    return type(found) in (int, float) and math.isclose(found, value, rel_tol=1e-9)
