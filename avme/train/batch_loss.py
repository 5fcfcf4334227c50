"""Loss of a micro-batch: what a training stage computes and the trainer sums over a step."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn

from avme.batch import AVBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLoss:
    """Loss of one micro-batch, with values to log."""

    loss: Tensor
    figures: dict[str, Tensor] = field(default_factory=dict)
    lengths: Tensor | None = None
    """Norms of the predictions by clip, shape (b,), to find a clip with a non-finite loss."""

    def add_to(self, totals: dict[str, Tensor], weight: float) -> None:
        """Add the loss and the logged values, times `weight`, to the totals of a step."""
        for name, value in {"loss": self.loss, **self.figures}.items():
            totals[name] = totals.get(name, 0.0) + value.detach() * weight


LossOf = Callable[[nn.Module, AVBatch, int, bool], BatchLoss]
"""(model, batch, step, True if this step is logged) -> loss."""
