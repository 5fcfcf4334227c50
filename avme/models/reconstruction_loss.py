"""Pretraining loss (paper III-G, eq. 7) and the errors that are logged with it.

With the normalized target every tubelet has mean 0 and deviation 1 per color, over its own pixels
(VideoMAE): predicting zero then costs 1. With the pixel target values are 0 to 1.

Shape letters: b clips, n tokens, u pixels of a tubelet, c colors, p = u x c.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Target = Literal["normalized", "pixel"]
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class PatchStatistics:
    """Mean and standard deviation of every tubelet and color."""

    mean: Float[Tensor, "b n 1 c"]
    deviation: Float[Tensor, "b n 1 c"]

    def normalize(self, pixels: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
        """Normalize pixels by the statistics of their tubelet."""
        return _join((_split(pixels) - self.mean) / self.deviation)

    def restore(self, normalized: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
        """Invert `normalize`. In figures this is optimistic: the statistics are those of the
        target."""
        return _join(_split(normalized) * self.deviation + self.mean)


def patch_statistics(pixels: Float[Tensor, "b n p"]) -> PatchStatistics:
    """Return the statistics: unbiased deviation, epsilon outside the root, as in VideoMAE."""
    split = _split(pixels)
    variance, mean = torch.var_mean(split, dim=2, keepdim=True)
    return PatchStatistics(mean, variance.sqrt() + _EPS)


def reconstruction_loss(
    prediction: Float[Tensor, "b n p"], truth: Float[Tensor, "b n p"], target: Target
) -> Float[Tensor, ""]:
    """Return the mean squared error.

    Args:
        prediction: Values in units of `target`.
        truth: Pixels, 0 to 1.
        target: Normalized or pixel target.
    """
    wanted = patch_statistics(truth).normalize(truth) if target == "normalized" else truth
    return F.mse_loss(prediction.float(), wanted)


def in_both_units(
    prediction: Float[Tensor, "b n p"], truth: Float[Tensor, "b n p"], target: Target
) -> dict[str, Tensor]:
    """Return the errors of a prediction in both units, and the clips' mean PSNR in dB.

    The mean over clips makes runs comparable, independent of the number of ranks.

    Args:
        prediction: Values in units of `target`.
        truth: Pixels, 0 to 1.
        target: Normalized or pixel target.
    """
    scale = patch_statistics(truth)
    prediction = prediction.float()
    pixels = scale.restore(prediction) if target == "normalized" else prediction
    normalized = prediction if target == "normalized" else scale.normalize(prediction)
    by_clip = (pixels - truth).square().mean(dim=(1, 2))
    return {
        "mse_pixel": by_clip.mean(),
        "mse_normalized": F.mse_loss(normalized, scale.normalize(truth)),
        "psnr_db": -10.0 * torch.log10(by_clip.clamp(min=1e-12)).mean(),
    }


def _split(tubelets: Float[Tensor, "b n p"]) -> Float[Tensor, "b n u c"]:
    return rearrange(tubelets, "b n (u c) -> b n u c", c=3)


def _join(split: Float[Tensor, "b n u c"]) -> Float[Tensor, "b n p"]:
    return rearrange(split, "b n u c -> b n (u c)")
