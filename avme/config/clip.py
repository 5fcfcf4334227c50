"""Settings of the clip window."""

import math
from typing import Annotated, Final

from pydantic import Field, model_validator

from avme.config.base import Name, Settings
from avme.config.model import ModelConfig

ROWS_PER_FRAME: Final = 4
"""MFCC rows per source frame."""
MOST_PIXELS: Final = 2**30
"""Of a window; 64 frames of 4096 x 4096."""
MOST_POSITIONS: Final = 2**28
"""Numbers in the table of positions: places times the width of a token; 1 GiB."""


class ClipConfig(Settings):
    """Window of a clip that a model receives: frames, and the audio of the same time."""

    split: Name = "1"
    """Name of the split; its lists are `splits/split<name>-train.txt` and `-test.txt`."""
    num_frames: Annotated[int, Field(ge=2, le=65_536)] = 16
    frame_stride: Annotated[int, Field(ge=1, le=65_536)] = 4
    """Source frames from one frame of the window to the next; the window spans num_frames x
    frame_stride source frames."""
    image_size: Annotated[int, Field(ge=16, le=65_536)] = 224
    """Height and width of the frames in pixels."""

    @property
    def span_frames(self) -> int:
        """Source frames that a window covers; 64 = 2.56 s at 25 fps by default."""
        return self.num_frames * self.frame_stride

    @property
    def span_rows(self) -> int:
        """MFCC rows of a window."""
        return ROWS_PER_FRAME * self.span_frames


def check_grid(clip: ClipConfig, model: ModelConfig) -> None:
    """Raise ValueError if patches or tubelets do not divide the window, or it is too large."""
    patch, tubelet = model.visual.patch_size, model.visual.tubelet_size
    if clip.image_size % patch:
        raise ValueError(
            f"clip.image_size {clip.image_size} is not divisible by model.visual.patch_size {patch}"
        )
    if clip.num_frames % tubelet:
        raise ValueError(
            f"clip.num_frames {clip.num_frames} is not divisible by model.visual.tubelet_size "
            f"{tubelet}"
        )
    slots = clip.num_frames // tubelet
    if clip.span_frames % slots:
        raise ValueError(f"{clip.span_frames} source frames do not divide into {slots} time slots")
    check_extent(clip, model)


def check_extent(clip: ClipConfig, model: ModelConfig) -> None:
    """Raise ValueError if a window, or its table of positions, exceeds any memory."""
    if (pixels := clip.num_frames * clip.image_size**2) > MOST_PIXELS:
        raise ValueError(
            f"clip.num_frames {clip.num_frames} of clip.image_size {clip.image_size} are "
            f"{pixels:,} pixels, expected at most {MOST_PIXELS:,}"
        )
    width = max(model.visual.dim, model.decoder.dim)
    side, slots = (
        clip.image_size // model.visual.patch_size,
        clip.num_frames // model.visual.tubelet_size,
    )
    for name, grid in {
        "the window": (slots, side, side),
        "model.pos_embed_grid": model.pos_embed_grid or (1, 1, 1),
    }.items():
        if math.prod(grid) * width > MOST_POSITIONS:
            raise ValueError(
                f"{name} has {' x '.join(map(str, grid))} places of width {width}, expected at "
                f"most {MOST_POSITIONS:,} numbers"
            )


class WithGrid(Settings):
    """A stage whose clips must fit its model's grid."""

    clip: ClipConfig = ClipConfig()

    def _network(self) -> ModelConfig:
        raise TypeError("a stage defines its network")

    @model_validator(mode="after")
    def _grid_fits(self) -> "WithGrid":
        check_grid(self.clip, self._network())
        return self
