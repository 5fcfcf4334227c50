"""Free baselines: what a masked clip gives away without any training.

Each takes a masked clip and returns its hidden tubelets from the visible ones alone. A
reconstruction is worth its distance to the best of them.

Shape letters: m hidden tokens, p pixels of a tubelet; t frames, h and w pixels, c colors, s slots.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from avme.errors import SystemRequirementError, UsageError
from avme.models.reconstruction_loss import patch_statistics
from avme.reconstruction.masked_clip import MaskedClip
from avme.reconstruction.visible_statistics import squared_distances, visible_statistics

Baseline = Callable[[MaskedClip], Float[Tensor, "m p"]]

_INPAINT_RADIUS: Final = 3.0
"""Radius in pixels of the neighborhood that a pixel is filled from."""


def mean_color(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Fill with the mean color of the visible pixels of each frame.

    Raises UsageError if a frame has none.
    """
    frames, seen = clip.completed(torch.zeros_like(clip.truth)), ~clip.is_hidden
    count = seen.sum(dim=(1, 2))
    if (count == 0).any():
        raise UsageError("a frame has no visible pixel")
    mean = (frames * seen[..., None]).sum(dim=(1, 2)) / count[:, None]
    return clip.hidden_of(mean[:, None, None].expand_as(frames))


def interpolated_color(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Fill each patch with a color interpolated from the means of the visible patches.

    It is what an untrained zero prediction gives with statistics of visible patches.
    """
    pixels = clip.tubelets.shape[1] // 3
    return repeat(visible_statistics(clip).mean, "1 m 1 c -> m (u c)", u=pixels)


def flat(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Fill each hidden patch with its own mean color, which is not visible.

    It is no free baseline, but what a prediction of zero gives with statistics of hidden patches.
    """
    statistics = patch_statistics(clip.truth[None])
    return statistics.restore(torch.zeros_like(clip.truth)[None])[0]


def nearest_patch(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Copy the nearest visible patch; of several the first by slot, row and column."""
    nearest = squared_distances(clip.grid, clip.hide, clip.keep).argmin(dim=1)
    return clip.seen[nearest]


def time_interpolation(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Interpolate each pixel linearly between the last and the next frame that show it.

    Before the first and after the last such frame it is constant. Raises UsageError if a hidden
    place is visible in no frame, as with tube masks.
    """
    seen = torch.zeros(clip.grid.tokens, dtype=torch.bool)
    seen[clip.keep] = True
    seen = rearrange(seen, "(s n) -> n s", s=clip.grid.slots)
    if not seen.any(dim=1).all():
        raise UsageError("a tube mask hides a place in every frame")
    frames = rearrange(
        clip.tubelets, "(s n) (u i) -> n (s u) i", s=clip.grid.slots, u=clip.tubelet_size
    )
    filled = torch.stack(
        [
            _between(values, flags.repeat_interleave(clip.tubelet_size))
            for values, flags in zip(frames, seen, strict=True)
        ]
    )
    tubelets = rearrange(filled, "n (s u) i -> (s n) (u i)", u=clip.tubelet_size)
    return tubelets[clip.hide]


def inpainting(clip: MaskedClip) -> Float[Tensor, "m p"]:
    """Inpaint each frame with OpenCV by the fast marching method.

    A. Telea, "An image inpainting technique based on the fast marching method", Journal of Graphics
    Tools 9(1), 2004. Raises SystemRequirementError if OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise SystemRequirementError(
            "OpenCV is not installed: pip install 'avme[inpaint]'"
        ) from error
    blank = clip.completed(torch.zeros_like(clip.truth))
    frames = (255.0 * blank).round().to(torch.uint8).numpy()
    masks = clip.is_hidden.to(torch.uint8).numpy()
    filled = [
        cv2.inpaint(frame, mask, _INPAINT_RADIUS, cv2.INPAINT_TELEA)
        for frame, mask in zip(frames, masks, strict=True)
    ]
    return clip.hidden_of(torch.from_numpy(np.stack(filled)) / 255.0)


FREE: Final[dict[str, Baseline]] = {
    "mean color of the visible": mean_color,
    "interpolated visible colors": interpolated_color,
    "nearest visible patch": nearest_patch,
    "linear interpolation in time": time_interpolation,
    "OpenCV inpainting": inpainting,
}
"""Baselines by the name that tables show, in their order."""


def _between(values: Float[Tensor, "t i"], seen: Bool[Tensor, " t"]) -> Float[Tensor, "t i"]:
    """Interpolate the frames that are not seen from those that are."""
    frame = torch.arange(len(seen))
    known = frame[seen]
    later = known[torch.searchsorted(known, frame).clamp(max=len(known) - 1)]
    earlier = known[(torch.searchsorted(known, frame, right=True) - 1).clamp(min=0)]
    share = ((frame - earlier) / (later - earlier).clamp(min=1)).clamp(0.0, 1.0)[:, None]
    return (1.0 - share) * values[earlier] + share * values[later]
