"""The loss of pretraining (paper III-G, eq. 7) and what is logged beside it.

With the normalised target every tubelet has mean 0 and deviation 1 in each colour, over its own
pixels (VideoMAE): predicting nothing then costs 1. With the pixel target values are 0 to 1.

Shape letters: b clips, n tokens, u pixels of a tubelet, c colours, p = u x c.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Target = Literal["normalised", "pixel"]
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and deviation of every tubelet and colour."""

    mean: Float[Tensor, "b n 1 c"]
    deviation: Float[Tensor, "b n 1 c"]

    def normalise(self, pixels: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
        """Pixels in units of their tubelet."""
        return _join((_split(pixels) - self.mean) / self.deviation)

    def restore(self, normalised: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
        """The inverse. For pictures it is optimistic: mean and deviation are the truth's."""
        return _join(_split(normalised) * self.deviation + self.mean)


def scale_of(pixels: Float[Tensor, "b n p"]) -> Scale:
    """Unbiased deviation, the epsilon outside the root, as VideoMAE has them."""
    split = _split(pixels)
    variance, mean = torch.var_mean(split, dim=2, keepdim=True)
    return Scale(mean, variance.sqrt() + _EPS)


def reconstruction_loss(
    prediction: Float[Tensor, "b n p"], truth: Float[Tensor, "b n p"], target: Target
) -> Float[Tensor, ""]:
    """Mean squared error; `truth` is pixels from 0 to 1, `prediction` what `target` says."""
    wanted = scale_of(truth).normalise(truth) if target == "normalised" else truth
    return F.mse_loss(prediction.float(), wanted)


def in_both_units(
    prediction: Float[Tensor, "b n p"], truth: Float[Tensor, "b n p"], target: Target
) -> dict[str, Tensor]:
    """Both errors of one prediction, and the mean of its clips' PSNR in dB, so that runs can be
    compared, whatever number of processes shared the batch."""
    scale = scale_of(truth)
    prediction = prediction.float()
    pixels = scale.restore(prediction) if target == "normalised" else prediction
    normalised = prediction if target == "normalised" else scale.normalise(prediction)
    by_clip = (pixels - truth).square().mean(dim=(1, 2))
    return {
        "mse_pixel": by_clip.mean(),
        "mse_normalised": F.mse_loss(normalised, scale.normalise(truth)),
        "psnr_db": -10.0 * torch.log10(by_clip.clamp(min=1e-12)).mean(),
    }


def _split(tubelets: Float[Tensor, "b n p"]) -> Float[Tensor, "b n u c"]:
    return rearrange(tubelets, "b n (u c) -> b n u c", c=3)


def _join(split: Float[Tensor, "b n u c"]) -> Float[Tensor, "b n p"]:
    return rearrange(split, "b n u c -> b n (u c)")
