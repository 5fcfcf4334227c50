"""Token masking (paper III-F): which tokens the encoder sees.

One convention in the whole project: a choice is sorted index tensors, `keep` (visible), `hide`
(masked) and `predict` (the masked tokens that are reconstructed). There is no boolean mask whose
polarity could be confused.

Shape letters: b clips, k visible, m masked, q predicted tokens; t time slots of p positions each; n
and s some of those positions.
"""

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int64
from torch import Tensor

from avme.errors import ConfigError

_CELL = 4


@dataclass(frozen=True, slots=True)
class Grid:
    """Token grid of a window: `slots` in time, `rows` by `columns` in a frame."""

    slots: int
    rows: int
    columns: int

    @property
    def indices(self) -> int:
        """Number of tokens in one time slot."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Number of tokens in the window, ordered by slot, row, column."""
        return self.slots * self.indices


@dataclass(frozen=True, slots=True)
class TokenMask:
    """Partition of a clip's tokens into visible and masked ones, and the predicted subset."""

    keep: Int64[Tensor, "b k"]
    hide: Int64[Tensor, "b m"]
    predict: Int64[Tensor, "b q"]
    """All masked tokens, or the subset that the decoder predicts."""

    def to(self, device: torch.device) -> "TokenMask":
        """Copy to `device` without blocking the host."""
        return TokenMask(*(_sent(index, device) for index in (self.keep, self.hide, self.predict)))


class TubeMask:
    """Tube masking: the same positions in every time slot (VideoMAE, section 3.3).

    No masked patch can be copied from a neighboring frame. With `decoder_ratio` above 0 only the
    other masked tokens are predicted, equally many in every slot, by a running cell (VideoMAE V2,
    section 3.2): some of each 2 x 2 positions, the next ones in the next slot. If too few
    of those are masked, others are added; if too many, some are dropped.

    Raises:
        ConfigError: The ratio masks no position or all, or no token is predicted.
    """

    def __init__(self, grid: Grid, ratio: float, decoder_ratio: float = 0.0) -> None:
        self.grid = grid
        self.num_hidden = int(ratio * grid.indices)  # VideoMAE's floor: 0.9 of 196 is 176
        self.num_predicted = int(self.num_hidden - decoder_ratio * self.num_hidden)
        if not 0 < self.num_hidden < grid.indices:
            raise ConfigError(
                f"mask.ratio {ratio} hides {self.num_hidden} of {grid.indices} places: "
                "at least one must be hidden and one seen"
            )
        if not 0 < self.num_predicted <= self.num_hidden:
            raise ConfigError(
                f"mask.decoder_ratio {decoder_ratio} predicts {self.num_predicted} of "
                f"{self.num_hidden} hidden places: expected at least one, and no more than all"
            )
        self._phase = _phase_of(grid)

    @property
    def effective_ratio(self) -> float:
        """Fraction of masked tokens after rounding down."""
        return self.num_hidden / self.grid.indices

    def __call__(self, seeds: Int64[Tensor, " b"]) -> TokenMask:
        """Draw one mask per clip from the clip's own seed, independent of its batch.

        Masks are drawn on the CPU, where the seeds should be; `TokenMask.to` copies them.
        """
        draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        noise = torch.stack([torch.rand(self.grid.indices, generator=draw) for draw in draws])
        order = noise.argsort(dim=-1)
        hidden = order[:, : self.num_hidden].sort(dim=-1).values
        keep = self._tokens(self._in_all_slots(order[:, self.num_hidden :].sort(dim=-1).values))
        hide = self._tokens(self._in_all_slots(hidden))
        if self.num_predicted == self.num_hidden:
            return TokenMask(keep, hide, hide)
        ranks = torch.stack([self._ranks(draw) for draw in draws])
        return TokenMask(keep, hide, self._tokens(self._best(hidden, ranks)))

    def _ranks(self, draw: torch.Generator) -> Float[Tensor, "t p"]:
        """Rank masked tokens for prediction: by the phase of their cell in the slot, then at
        random."""
        slot = torch.arange(self.grid.slots) + torch.randint(_CELL, (), generator=draw)
        lots = torch.rand(self.grid.slots, self.grid.indices, generator=draw)
        return (self._phase[None, :] + slot[:, None]) % _CELL + lots

    def _best(
        self, hidden: Int64[Tensor, "b s"], ranks: Float[Tensor, "b t p"]
    ) -> Int64[Tensor, "b t n"]:
        indices = self._in_all_slots(hidden)
        best = ranks.gather(2, indices).topk(self.num_predicted, dim=-1).indices
        return indices.gather(2, best.sort(dim=-1).values)

    def _in_all_slots(self, indices: Int64[Tensor, "b s"]) -> Int64[Tensor, "b t s"]:
        return repeat(indices, "b s -> b t s", t=self.grid.slots)

    def _tokens(self, indices: Int64[Tensor, "b t s"]) -> Int64[Tensor, "b ts"]:
        first = torch.arange(self.grid.slots) * self.grid.indices
        return rearrange(indices + first[None, :, None], "b t s -> b (t s)")


def _phase_of(grid: Grid) -> Int64[Tensor, " p"]:
    """Return 0 to 3: the corner of its 2 x 2 cell that a position is."""
    row, column = torch.arange(grid.rows)[:, None], torch.arange(grid.columns)[None, :]
    return rearrange(2 * (row % 2) + column % 2, "h w -> (h w)")


def _sent(index: Tensor, device: torch.device) -> Tensor:
    """Copy through page-locked memory, so that the host does not wait for the device."""
    pinned = index.pin_memory() if device.type == "cuda" and not index.is_cuda else index
    return pinned.to(device, non_blocking=True)
