"""Which clips a stage reads and what it cuts out of each."""

from typing import Annotated

from pydantic import Field, model_validator

from avme.config.base import Settings


class ClipConfig(Settings):
    """The window of a clip that a model sees: pictures and the sound of the same span."""

    split: str = "1"
    """Name of the split: `splits/split<name>-train.txt` and `-test.txt` of the prepared set."""
    num_frames: Annotated[int, Field(ge=2, le=65_536)] = 16
    stride: Annotated[int, Field(ge=1, le=65_536)] = 4
    """Source frames from one chosen frame to the next; the span is num_frames x stride."""
    size: Annotated[int, Field(ge=16, le=65_536)] = 224
    """Height and width of the picture in pixels."""

    @property
    def span_frames(self) -> int:
        """Source frames that a window covers; 64 = 2.56 s at 25 fps by default."""
        return self.num_frames * self.stride

    @property
    def span_rows(self) -> int:
        """MFCC rows of a window: four for every source frame."""
        return 4 * self.span_frames


def check_grid(clip: ClipConfig, patch: int, tubelet: int) -> None:
    """Raises ValueError where pictures do not divide into patches, or frames into tubelets."""
    if clip.size % patch:
        raise ValueError(f"clip.size {clip.size} is not divisible by model.visual.patch {patch}")
    if clip.num_frames % tubelet:
        raise ValueError(
            f"clip.num_frames {clip.num_frames} is not divisible by model.visual.tubelet {tubelet}"
        )
    slots = clip.num_frames // tubelet
    if clip.span_frames % slots:
        raise ValueError(f"{clip.span_frames} source frames do not divide into {slots} time slots")


class WithGrid(Settings):
    """A stage whose clips must fit its model's grid."""

    clip: ClipConfig = ClipConfig()

    def _patch_and_tubelet(self) -> tuple[int, int]:
        raise TypeError("a stage says what its patch and tubelet are")

    @model_validator(mode="after")
    def _grid_fits(self) -> "WithGrid":
        check_grid(self.clip, *self._patch_and_tubelet())
        return self
