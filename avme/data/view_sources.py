"""Sources of the audio and the frames of a view, for evaluations that change either.

The dataset is sent to worker processes, so that a source must be picklable; it opens files on first
use. The same index and window must give the same result in any process and in any order.

Shape letters: d distinct frames, t frames of a window, c colors, h and w pixels, m the model's
size, s MFCC rows, f coefficients.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from avme.data.temporal_sampling import Window


@runtime_checkable
class AudioSource(Protocol):
    """Source of the audio of a view."""

    def audio(self, index: int, window: Window) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the normalized MFCC rows of a window, zero where not valid, and the valid rows.

        `index` is that of the clip in the reader's entries. A clip without usable audio has no
        valid row; models give it the null token.
        """
        ...


@runtime_checkable
class FrameSource(Protocol):
    """Change of the frames of a view."""

    def change_clip(self, index: int, frames: UInt8[Tensor, "d c h w"]) -> UInt8[Tensor, "d c h w"]:
        """Return the frames of a clip before they are cropped, in the same number and size.

        Args:
            index: Index of the clip in the reader's entries.
            frames: Distinct frames of all windows in order of time, as decoded: at a half, quarter
                or eighth of the stored size where the crops stay larger than the model's size.
        """
        ...

    def change_view(
        self, index: int, window: Window, view: UInt8[Tensor, "t c m m"]
    ) -> UInt8[Tensor, "t c m m"]:
        """Return the frames of one view at the model's size, in the same number.

        Args:
            index: Index of the clip in the reader's entries.
            window: Span of source frames.
            view: Cropped frames of the window.
        """
        ...


class SameFrames:
    """Frames of the clip itself; a base for sources that change one of the two."""

    def change_clip(self, index: int, frames: UInt8[Tensor, "d c h w"]) -> UInt8[Tensor, "d c h w"]:
        """Return the frames."""
        return frames

    def change_view(
        self, index: int, window: Window, view: UInt8[Tensor, "t c m m"]
    ) -> UInt8[Tensor, "t c m m"]:
        """Return the view."""
        return view
