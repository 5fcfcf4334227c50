"""Clip at the model's size, with its visible and its hidden tokens.

Shape letters: b clips; n tokens, k visible, m hidden; p pixels of a tubelet; t frames, h and w
pixels, c colors.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from avme.models.masking import Grid, TokenMask
from avme.models.tubelets import to_pixels, to_tubelets


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedClip:
    """One clip as tubelets, 0 to 1, on the CPU."""

    tubelets: Float[Tensor, "n p"]
    keep: Int64[Tensor, " k"]
    """Visible tokens, in ascending order."""
    hide: Int64[Tensor, " m"]
    """Hidden tokens, in ascending order."""
    grid: Grid
    tubelet_size: int
    patch_size: int

    @property
    def seen(self) -> Float[Tensor, "k p"]:
        """Visible tubelets."""
        return self.tubelets[self.keep]

    @property
    def truth(self) -> Float[Tensor, "m p"]:
        """Hidden tubelets."""
        return self.tubelets[self.hide]

    @property
    def is_hidden(self) -> Bool[Tensor, "t h w"]:
        """True for the pixels of hidden tokens."""
        flags = torch.zeros_like(self.tubelets)
        flags[self.hide] = 1.0
        return self._frames(flags)[..., 0] > 0.5

    def completed(self, hidden: Float[Tensor, "m p"]) -> Float[Tensor, "t h w c"]:
        """Return the frames with these hidden tubelets, clamped to 0 to 1."""
        whole = self.tubelets.clone()
        whole[self.hide] = hidden
        return self._frames(whole).clamp(0.0, 1.0)

    def hidden_of(self, frames: Float[Tensor, "t h w c"]) -> Float[Tensor, "m p"]:
        """Return the hidden tubelets of frames of the clip's size."""
        cut = rearrange(
            frames,
            "(t u) (h p) (w q) c -> (t h w) (u p q c)",
            u=self.tubelet_size,
            p=self.patch_size,
            q=self.patch_size,
        )
        return cut[self.hide]

    def _frames(self, tubelets: Float[Tensor, "n p"]) -> Float[Tensor, "t h w c"]:
        video = to_pixels(tubelets[None], self.grid, self.tubelet_size, self.patch_size)
        return rearrange(video, "1 c t h w -> t h w c")


def masked_clips(
    video: UInt8[Tensor, "b c t h w"],
    choice: TokenMask,
    grid: Grid,
    tubelet_size: int,
    patch_size: int,
) -> list[MaskedClip]:
    """Cut clips into tubelets and mask them.

    Args:
        video: Frames, 0 to 255, on the CPU.
        choice: Visible and hidden tokens of each clip, on the CPU.
        grid: Token grid.
        tubelet_size: Frames per token.
        patch_size: Side of a patch in pixels.
    """
    return [
        MaskedClip(
            tubelets=tubelets,
            keep=keep,
            hide=hide,
            grid=grid,
            tubelet_size=tubelet_size,
            patch_size=patch_size,
        )
        for tubelets, keep, hide in zip(
            to_tubelets(video, tubelet_size, patch_size), choice.keep, choice.hide, strict=True
        )
    ]
