"""Controls for frames: windows without motion, without order, or without content.

Shape letters: t frames of a window, d distinct frames of a clip, c colors, h and w pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Int64, UInt8
from torch import Tensor

from avme.corruptions.degradation import Degradation
from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.data.view_sources import FrameSource, SameFrames
from avme.evaluation.controls.mode_names import REAL, FrameMode
from avme.evaluation.controls.seeds import clip_generator
from avme.models.tubelets import IMAGENET_MEAN

BLANK_COLOR = tuple(round(255 * mean) for mean in IMAGENET_MEAN)
"""Color of `blank`: the mean that the input layer subtracts, so that it carries nothing."""

Frames = UInt8[Tensor, "t c h w"]
Decoded = UInt8[Tensor, "d c h w"]


class ChangedFrames(SameFrames):
    """Source of changed frames; all crops of a window are changed alike."""

    def __init__(
        self,
        mode: FrameMode,
        ids: Sequence[str],
        seed: int = 0,
        degradation: Degradation | None = None,
    ) -> None:
        """Store the mode; `ids` are those of the clips, which determine all random choices."""
        self.mode, self.ids, self.seed, self.degradation = mode, tuple(ids), seed, degradation

    def change_clip(self, index: int, frames: Decoded) -> Decoded:
        """Return the degraded frames: all windows and crops of a clip share them.

        Args:
            index: Index of the clip.
            frames: Distinct frames of all windows, in order of time.
        """
        if self.degradation is None:
            return frames
        rgb = rearrange(frames, "d c h w -> d h w c").numpy()
        degraded = torch.from_numpy(self.degradation.apply(rgb, self.ids[index]))
        return rearrange(degraded, "d h w c -> d c h w")

    def change_view(self, index: int, window: Window, view: Frames) -> Frames:
        """Return frames of the same shape.

        Args:
            index: Index of the clip.
            window: Span of source frames.
            view: Frames of the window, cropped.
        """
        count = len(view)
        match self.mode.kind:
            case "static":
                return repeat(view[count // 2], "c h w -> t c h w", t=count).contiguous()
            case "reverse":
                return view.flip(0)
            case "shuffle":
                draw = clip_generator(self.seed, "frames", self.ids[index], window.start)
                return view[torch.from_numpy(derangement(count, draw))]
            case "mean":
                mean = view.float().mean(dim=0).round().to(torch.uint8)
                return repeat(mean, "c h w -> t c h w", t=count).contiguous()
            case "blank":
                color = torch.tensor(BLANK_COLOR, dtype=torch.uint8)
                return color[None, :, None, None].expand_as(view).contiguous()
        return view


def frame_source(
    mode: FrameMode, reader: ClipReader, seed: int = 0, degradation: Degradation | None = None
) -> FrameSource | None:
    """Return the source of a mode for the clips of a reader; None for the real frames.

    Args:
        mode: Mode.
        reader: Reader of the scored clips.
        seed: Seed of the order of `shuffle`.
        degradation: Degradation of the frames, before the mode.
    """
    if mode.kind == REAL and degradation is None:
        return None
    return ChangedFrames(mode, [entry.id for entry in reader.entries], seed, degradation)


def derangement(count: int, draw: np.random.Generator) -> Int64[np.ndarray, " t"]:
    """Return a random cyclic permutation (Sattolo 1986), which leaves no position in its place.

    Args:
        count: Number of positions; of a single one there is no derangement, and it stays.
        draw: Random generator.
    """
    order = np.arange(count, dtype=np.int64)
    for last in range(count - 1, 0, -1):
        other = int(draw.integers(last))
        order[[last, other]] = order[[other, last]]
    return order
