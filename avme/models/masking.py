"""Choosing which tokens the encoder sees (paper III-F).

One convention in the whole project: a choice is index tensors, `keep` (seen), `hide` (not seen) and
`predict` (those of the hidden that are reconstructed), all sorted. There is no boolean mask to read
the wrong way round.

Shape letters: b clips, k kept, m hidden, q predicted tokens; t time slots of p places each; n and s
some of those places.
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
    """Tokens of a window: `slots` in time, `rows` by `columns` in the picture."""

    slots: int
    rows: int
    columns: int

    @property
    def places(self) -> int:
        """Tokens of one time slot."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Tokens of the whole window, in the order slot, row, column."""
        return self.slots * self.places


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A partition of a clip's tokens into kept and hidden ones, and what of them is predicted."""

    keep: Int64[Tensor, "b k"]
    hide: Int64[Tensor, "b m"]
    predict: Int64[Tensor, "b q"]
    """All hidden tokens, or the part of them that the decoder is given at all."""

    def to(self, device: torch.device) -> "TokenChoice":
        """The same choice on `device`, which the host does not wait for."""
        return TokenChoice(
            *(_sent(index, device) for index in (self.keep, self.hide, self.predict))
        )


class TubeMask:
    """Hides the same places in every time slot, so that no hidden patch can be copied from a
    neighbouring frame (VideoMAE, section 3.3).

    With `decoder_keep` below 1 only that share of them is predicted, equally many in every slot,
    by a running cell (VideoMAE V2, section 3.2): of 2 x 2 places some, in the next slot the next
    ones. Where too few of those are hidden, others fill up; where too many are, some are left out.

    Raises ConfigError where the ratio hides no place or all of them, or nothing is predicted.
    """

    def __init__(self, grid: Grid, ratio: float, decoder_keep: float = 1.0) -> None:
        self.grid = grid
        self.num_hidden = int(ratio * grid.places)  # VideoMAE's floor: 0.9 of 196 is 176
        self.num_predicted = int(decoder_keep * self.num_hidden)
        if not 0 < self.num_hidden < grid.places:
            raise ConfigError(
                f"mask.ratio {ratio} hides {self.num_hidden} of {grid.places} places: "
                "at least one must be hidden and one seen"
            )
        if not 0 < self.num_predicted <= self.num_hidden:
            raise ConfigError(
                f"mask.decoder_keep {decoder_keep} predicts {self.num_predicted} of "
                f"{self.num_hidden} hidden places: expected at least one, and no more than all"
            )
        self._phase = _phase_of(grid)

    @property
    def effective_ratio(self) -> float:
        """The share that is really hidden, after rounding down."""
        return self.num_hidden / self.grid.places

    def __call__(self, seeds: Int64[Tensor, " b"]) -> TokenChoice:
        """One mask a clip, drawn from the clip's own seed: the same whatever shares its batch.

        Masks are drawn on the CPU, where the seeds should be; `TokenChoice.to` moves them.
        """
        draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        noise = torch.stack([torch.rand(self.grid.places, generator=draw) for draw in draws])
        order = noise.argsort(dim=-1)
        hidden = order[:, : self.num_hidden].sort(dim=-1).values
        keep = self._tokens(self._in_all_slots(order[:, self.num_hidden :].sort(dim=-1).values))
        hide = self._tokens(self._in_all_slots(hidden))
        if self.num_predicted == self.num_hidden:
            return TokenChoice(keep, hide, hide)
        ranks = torch.stack([self._ranks(draw) for draw in draws])
        return TokenChoice(keep, hide, self._tokens(self._best(hidden, ranks)))

    def _ranks(self, draw: torch.Generator) -> Float[Tensor, "t p"]:
        """Who is predicted first: the cell's phase, which moves on by one a slot; then the lot."""
        slot = torch.arange(self.grid.slots) + torch.randint(_CELL, (), generator=draw)
        lots = torch.rand(self.grid.slots, self.grid.places, generator=draw)
        return (self._phase[None, :] + slot[:, None]) % _CELL + lots

    def _best(
        self, hidden: Int64[Tensor, "b s"], ranks: Float[Tensor, "b t p"]
    ) -> Int64[Tensor, "b t n"]:
        places = self._in_all_slots(hidden)
        best = ranks.gather(2, places).topk(self.num_predicted, dim=-1).indices
        return places.gather(2, best.sort(dim=-1).values)

    def _in_all_slots(self, places: Int64[Tensor, "b s"]) -> Int64[Tensor, "b t s"]:
        return repeat(places, "b s -> b t s", t=self.grid.slots)

    def _tokens(self, places: Int64[Tensor, "b t s"]) -> Int64[Tensor, "b ts"]:
        first = torch.arange(self.grid.slots) * self.grid.places
        return rearrange(places + first[None, :, None], "b t s -> b (t s)")


def _phase_of(grid: Grid) -> Int64[Tensor, " p"]:
    """0 to 3: which corner of its cell of 2 x 2 a place is."""
    row, column = torch.arange(grid.rows)[:, None], torch.arange(grid.columns)[None, :]
    return rearrange(2 * (row % 2) + column % 2, "h w -> (h w)")


def _sent(index: Tensor, device: torch.device) -> Tensor:
    """Copies from page-locked memory, where a device can fetch it while the host goes on."""
    pinned = index.pin_memory() if device.type == "cuda" and not index.is_cuda else index
    return pinned.to(device, non_blocking=True)
