"""Quality of a reconstruction over hidden places: PSNR and SSIM against the original.

PSNR takes every pixel and color of every hidden patch, as the training logs it, before values are
clamped to the range of pixels. SSIM is that of Z. Wang, A. C. Bovik, H. R. Sheikh and E. P.
Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
Transactions on Image Processing 13(4), 2004, eq. 13 with its constants: luma of one frame, a
Gaussian window of 11 x 11 pixels and deviation 1.5. A window counts if all of its pixels are
hidden, so that no visible pixel enters.

Shape letters: m hidden tokens, p pixels of a tubelet; t frames, h and w pixels, c colors.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64
from scipy.ndimage import binary_erosion, correlate1d
from torch import Tensor

from avme.reconstruction.masked_clip import MaskedClip

WINDOW: Final = 11
_SIGMA: Final = 1.5
_C1: Final = 0.01**2
_C2: Final = 0.03**2
_LUMA: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """PSNR and SSIM of a clip over its hidden places."""

    psnr_db: float
    ssim: float | None
    """None if no window lies in hidden places alone."""


def quality_of(clip: MaskedClip, hidden: Float[Tensor, "m p"]) -> Quality:
    """Compare hidden tubelets with the original ones."""
    return Quality(psnr_db(hidden, clip.truth), hidden_ssim(clip, hidden))


def psnr_db(hidden: Float[Tensor, "m p"], truth: Float[Tensor, "m p"]) -> float:
    """Return 10 log10(1 / MSE) over all hidden pixels; 120 at most."""
    error = (hidden - truth)[None].square().mean(dim=(1, 2))  # as `in_both_units`, bit by bit
    return float(-10.0 * error.clamp(min=1e-12).log10().mean())


def hidden_ssim(clip: MaskedClip, hidden: Float[Tensor, "m p"]) -> float | None:
    """Return the mean SSIM over all windows in hidden places; None if there is none."""
    inside = windows_inside(clip.is_hidden.numpy())
    if not inside.any():
        return None
    truth, made = (_luma(clip.completed(each)) for each in (clip.truth, hidden))
    return float(ssim_map(truth, made)[inside].mean())


def windows_inside(is_hidden: Bool[np.ndarray, "t h w"]) -> Bool[np.ndarray, "t h w"]:
    """Return the pixels whose window lies in the frame and is hidden completely."""
    window = np.ones((1, WINDOW, WINDOW), dtype=bool)
    return np.asarray(binary_erosion(is_hidden, window, border_value=0))


def ssim_map(
    first: Float64[np.ndarray, "t h w"], second: Float64[np.ndarray, "t h w"]
) -> Float64[np.ndarray, "t h w"]:
    """Return the SSIM of the window around each pixel; edges of the frame are mirrored.

    Args:
        first: Luma, 0 to 1.
        second: Luma to compare with it.
    """
    mean1, mean2 = _blurred(first), _blurred(second)
    variance1 = _blurred(first**2) - mean1**2
    variance2 = _blurred(second**2) - mean2**2
    covariance = _blurred(first * second) - mean1 * mean2
    above = (2 * mean1 * mean2 + _C1) * (2 * covariance + _C2)
    below = (mean1**2 + mean2**2 + _C1) * (variance1 + variance2 + _C2)
    return np.asarray(above / below)


def _blurred(values: Float64[np.ndarray, "t h w"]) -> Float64[np.ndarray, "t h w"]:
    away = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (away / _SIGMA) ** 2)
    weights /= weights.sum()
    return np.asarray(correlate1d(correlate1d(values, weights, axis=1), weights, axis=2))


def _luma(frames: Float[Tensor, "t h w c"]) -> Float64[np.ndarray, "t h w"]:
    weighted = frames.double().numpy() * np.array(_LUMA)
    return np.asarray(weighted.sum(axis=-1))
