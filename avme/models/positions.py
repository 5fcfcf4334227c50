"""Fixed positions: one sine-cosine table over the flattened token index.

VideoMAE's table is one-dimensional over 0..n-1 (time, then row, then column), not separable; it is
rebuilt and never stored, so that files in the wild fit.

Shape letters: n tokens, d channels.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def sine_cosine_table(num_tokens: int, dim: int) -> Float[Tensor, "n d"]:
    """Vaswani et al. 2017, section 3.5: sines on even channels, cosines on odd ones."""
    channel = torch.arange(dim)
    wavelength = 10000.0 ** (2 * (channel // 2).double() / dim)
    angle = torch.arange(num_tokens, dtype=torch.float64)[:, None] / wavelength[None, :]
    return torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
