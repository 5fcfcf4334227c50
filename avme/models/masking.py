"""Choosing which tokens the encoder sees (paper III-F).

One convention in the whole project: a choice is two index tensors, `keep` (seen) and `hide` (to be
reconstructed), both sorted. There is no boolean mask to read the wrong way round.

Shape letters: b clips, n tokens, k kept, m hidden, d channels; t, h, w the token grid; p places of
one time slot.
"""

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int64
from torch import Tensor

from avme.errors import ConfigError


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
    """A partition of n tokens, per clip, into kept and hidden ones (both sorted)."""

    keep: Int64[Tensor, "b k"]
    hide: Int64[Tensor, "b m"]

    def to(self, device: torch.device) -> "TokenChoice":
        """The same choice on `device`."""
        return TokenChoice(
            self.keep.to(device, non_blocking=True), self.hide.to(device, non_blocking=True)
        )


class TubeMask:
    """Hides the same places in every time slot, so that no hidden patch can be copied from a
    neighbouring frame (VideoMAE, section 3.3).

    Raises ConfigError where the ratio hides no place or all of them.
    """

    def __init__(self, grid: Grid, ratio: float) -> None:
        self.grid = grid
        self.num_hidden = int(ratio * grid.places)  # VideoMAE's floor: 0.9 of 196 is 176
        if not 0 < self.num_hidden < grid.places:
            raise ConfigError(
                f"mask.ratio {ratio} hides {self.num_hidden} of {grid.places} places: "
                "at least one must be hidden and one seen"
            )

    @property
    def effective_ratio(self) -> float:
        """The share that is really hidden, after rounding down."""
        return self.num_hidden / self.grid.places

    def __call__(self, seeds: Int64[Tensor, " b"]) -> TokenChoice:
        """One mask a clip, drawn from the clip's own seed: the same whatever shares its batch.

        Masks are drawn on the CPU, where the seeds should be; `TokenChoice.to` moves them.
        """
        order = torch.stack([self._noise(seed) for seed in seeds.tolist()]).argsort(dim=-1)
        hide, keep = order[:, : self.num_hidden], order[:, self.num_hidden :]
        return TokenChoice(keep=self._over_time(keep), hide=self._over_time(hide))

    def _noise(self, seed: int) -> Float[Tensor, " p"]:
        return torch.rand(self.grid.places, generator=torch.Generator().manual_seed(seed))

    def _over_time(self, places: Int64[Tensor, "b p"]) -> Int64[Tensor, "b tp"]:
        first = torch.arange(self.grid.slots, device=places.device) * self.grid.places
        tokens = repeat(places.sort(dim=-1).values, "b p -> b t p", t=self.grid.slots)
        return rearrange(tokens + first[None, :, None], "b t p -> b (t p)")


def take(tokens: Float[Tensor, "b n d"], index: Int64[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    """The tokens at `index`, in that order."""
    return tokens.gather(1, repeat(index, "b k -> b k d", d=tokens.shape[-1]))
