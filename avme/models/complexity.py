"""Parameters and floating-point operations of a model.

Operations are counted from shapes on the meta device. A multiplication and an addition count as
two. Element-wise work (norms, GELU, softmax) is left out, as is usual. torch's counter misses
attention on CPUs, whose kernel it does not know; on meta tensors attention is decomposed into
products that it counts (docs/decisions.md 35).
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from avme.config import ClipConfig
from avme.models.autoencoder import MaeOutput
from avme.models.layers.onednn_linear import register_flops


@dataclass(frozen=True, slots=True)
class Flops:
    """Operations of one call."""

    forward: int
    backward: int
    """Operations for the gradients of all parameters; 0 if not requested."""
    parts: dict[str, int]
    """Forward operations of the model's children, without those of the model itself."""

    @property
    def step(self) -> int:
        """Forward and backward operations, without recomputed activations."""
        return self.forward + self.backward


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters by child module, and in total."""
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
    return {"all": sum(parameter.numel() for parameter in model.parameters())} | parts


def example_clip(
    clip: ClipConfig, num_cepstra: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return zero video, zero MFCC and a mask of valid rows for one clip.

    Args:
        clip: Window settings.
        num_cepstra: Coefficients per MFCC row.
        device: Device of the tensors.
    """
    size = (1, 3, clip.num_frames, clip.image_size, clip.image_size)
    return (
        torch.zeros(size, dtype=torch.uint8, device=device),
        torch.zeros(1, clip.span_rows, num_cepstra, device=device),
        torch.ones(1, clip.span_rows, dtype=torch.bool, device=device),
    )


def count_flops(model: nn.Module, *inputs: Any, backward: bool = True) -> Flops:
    """Count the operations of a call of `model` in which all clips have audio.

    The model may be on any device. `inputs` are tensors, objects with `.to(device)`, or other
    values, which are passed unchanged.
    """
    was_training = model.training
    model.eval()  # same products, no state to update
    register_flops()
    counter = FlopCounterMode(display=False)
    try:
        with _AllClipsAudible(), counter:  # type: ignore[no-untyped-call]
            made = functional_call(model, _shapes_of(model), tuple(map(_shape_of, inputs)))
            forward = counter.get_total_flops()
            name = type(model).__name__
            counts = counter.get_flop_counts()
            parts = {
                part: sum(counts.get(f"{name}.{part}", {}).values())
                for part, _ in model.named_children()
            }
            if backward:
                torch.autograd.backward(_sum(made))
    finally:
        model.train(was_training)
    return Flops(forward, counter.get_total_flops() - forward, parts)


class _AllClipsAudible(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Patch for meta tensors, which have no values: `nonzero` of a clip mask finds all clips."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.nonzero.default and args[0].device.type == "meta":
            return torch.arange(len(args[0]), device="meta")[:, None]
        return func(*args, **(kwargs or {}))


def _shapes_of(model: nn.Module) -> dict[str, Tensor]:
    named = chain(model.named_parameters(), model.named_buffers())
    return {
        name: tensor.detach().to("meta").requires_grad_(tensor.requires_grad)
        for name, tensor in named
    }


def _shape_of(value: Any) -> Any:
    return value.to(torch.device("meta")) if hasattr(value, "to") else value


def _sum(made: Any) -> Tensor:
    if not isinstance(made, MaeOutput):
        return cast(Tensor, made.sum())
    seen = made.prediction.seen
    hidden = made.prediction.hidden.sum()
    return hidden if seen is None else hidden + seen.sum()


def count_gflop(model: nn.Module, *inputs: Any) -> float:
    """Return forward GFLOP of one call; a multiplication and an addition count as two."""
    return count_flops(model, *inputs, backward=False).forward / 1e9
