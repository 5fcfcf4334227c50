"""SpecAugment (Park et al. 2019): blocks of MFCC rows and of coefficients set to their mean, 0.

torchaudio's function is used where it loads, otherwise the one below: torchaudio 2.11 is the last
release and refuses a torch built for another CUDA version. Both draw the same numbers from torch's
generator and return the same bits, so that a run may resume with either.

s = MFCC rows, f = coefficients
"""

from collections.abc import Callable
from functools import cache
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

MaskAlongAxis = Callable[[Tensor, int, float, int], Tensor]


def spec_augment(
    mfcc: Float[Tensor, "s f"], max_rows: int, max_coefficients: int
) -> Float[Tensor, "s f"]:
    """Mask a random block of coefficients and one of rows with zeros.

    Args:
        mfcc: MFCC rows.
        max_rows: Upper bound (excluded) of masked rows; 0 masks none.
        max_coefficients: Upper bound (excluded) of masked coefficients; 0 masks none.
    """
    if not max_rows and not max_coefficients:
        return mfcc
    mask = _torchaudio_mask() or mask_along_axis
    spectrogram = mask(mfcc.T, max_coefficients, 0.0, 0)
    return mask(spectrogram, max_rows, 0.0, 1).T


def mask_along_axis(
    spectrogram: Float[Tensor, "f s"], mask_param: int, mask_value: float, axis: int
) -> Float[Tensor, "f s"]:
    """Compute `torchaudio.functional.mask_along_axis`, with the same random numbers.

    The width of the mask is uniform in [0, mask_param), its start in [0, length - width). If
    `mask_param` exceeds the length, so may the width: everything is masked then.

    Args:
        spectrogram: Values.
        mask_param: Upper bound of the width.
        mask_value: Value of masked entries.
        axis: Masked axis.
    """
    if mask_param < 1:
        return spectrogram
    length = spectrogram.shape[axis]
    width = torch.rand(1) * mask_param
    start = (torch.rand(1) * (length - width)).long()
    index = torch.arange(length)
    is_masked = (index >= start) & (index < start + width.long())
    return spectrogram.masked_fill(is_masked[:, None] if axis == 0 else is_masked, mask_value)


@cache
def _torchaudio_mask() -> MaskAlongAxis | None:
    """Return torchaudio's function; None if torchaudio is missing or does not load."""
    try:
        from torchaudio.functional import mask_along_axis as mask
    except (
        Exception
    ):  # RuntimeError for other CUDA versions, OSError of its library, any error of a stub
        return None
    return cast(MaskAlongAxis, mask)
