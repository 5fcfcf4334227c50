"""Example input of one clip, to count the operations of a model."""

import torch
from torch import Tensor

from avme.config import ClipConfig


def example_clip(
    clip: ClipConfig, num_cepstra: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return zero video, zero MFCC and a mask of valid rows for one clip.

    Args:
        clip: Window settings.
        num_cepstra: Coefficients per MFCC row.
        device: Device of the tensors.
    """
    size = (1, 3, clip.num_frames, clip.image_size, clip.image_size)
    return (
        torch.zeros(size, dtype=torch.uint8, device=device),
        torch.zeros(1, clip.span_rows, num_cepstra, device=device),
        torch.ones(1, clip.span_rows, dtype=torch.bool, device=device),
    )
