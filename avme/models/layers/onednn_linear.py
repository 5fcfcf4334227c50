"""Linear layer that uses oneDNN instead of MKL for single precision on CPUs.

torch multiplies with MKL, which does not use AVX-512 on processors of other vendors; oneDNN does,
which torch includes for bfloat16 and convolutions: 200 against 95 GFLOP/s on one core of an EPYC
(docs/benchmarks/step.md). On GPUs, under autocast and in compiled code torch's own layer runs. The
oneDNN path has no second derivatives, no torch.func and no torch.jit.trace.

Shape letters: m rows, i channels in, o channels out.
"""

from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Linear):
    """Drop-in replacement for `nn.Linear` with the same parameter names."""

    def forward(self, input: Float[Tensor, "*m i"]) -> Float[Tensor, "*m o"]:
        """Return x W^T + b."""
        return linear(input, self.weight, self.bias)


def linear(
    rows: Float[Tensor, "*m i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None
) -> Float[Tensor, "*m o"]:
    """Compute `torch.nn.functional.linear`, equal up to rounding.

    Args:
        rows: Input, channels last.
        weight: Matrix W.
        bias: Vector b, or None.
    """
    if not _is_for_onednn(rows, weight):
        return F.linear(rows, weight, bias)
    found = cast(Tensor, _OneDnnLinear.apply(rows.flatten(0, -2), weight, bias))
    return found.view(*rows.shape[:-1], -1)


def _is_for_onednn(rows: Tensor, weight: Tensor) -> bool:
    return (
        rows.device.type == "cpu"
        and rows.dtype == weight.dtype == torch.float32
        and rows.ndim > 1
        and rows.numel() > 0
        and rows.shape[-1] == weight.shape[1]  # else torch's own error is clearer
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and _has_onednn()
    )


@cache
def _has_onednn() -> bool:
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


class _OneDnnLinear(torch.autograd.Function):
    """The oneDNN operator that torch's compiler uses, with a matching backward pass."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _product(rows, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        wants_rows, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if wants_rows else None,
            _product(gradient.t(), rows.t()) if wants_weight else None,
            gradient.sum(dim=0) if wants_bias else None,
        )


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return left right^T + bias."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return made


def _count(left: tuple[int, ...], right: tuple[int, ...], *_: Any, **__: Any) -> int:
    return 2 * left[0] * right[0] * right[1]


@cache
def register_flops() -> None:
    """Let `FlopCounterMode` count the oneDNN operator, whose module takes half a second to import.

    It imports Triton; `count_flops` calls this.
    """
    from torch.utils.flop_counter import register_flop_formula

    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        register_flop_formula(torch.ops.mkldnn._linear_pointwise)(_count)
