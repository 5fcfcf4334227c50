"""Scenes of a video of reconstructions: all versions of a clip beside each other, moving.

The original is above the masked input, every completed version above its difference map.

Shape letters: t frames, h and w pixels, c colors, m and s sides of a square frame.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text
from avme.reconstruction.clip_inputs import Track
from avme.reconstruction.strips import MOST_DIFFERENCE, Strip

_SIDE: Final = 224
"""Smallest side of a frame in pixels, but for its rounding to a whole factor."""
_MOST_ACROSS: Final = 4
_GAP: Final = 12
_TOP: Final = 40
_BOTTOM: Final = 20
_NAME: Final = 22
_TEXT: Final = 64
"""Gaps and heights of the heading, the legend, names and captions in pixels."""
_DPI: Final = 100
_SHORTEST_SECONDS: Final = 3.0
_LEGEND: Final = (
    "below each: masked input, then differences to the original (black 0, yellow "
    f"{MOST_DIFFERENCE:.0f} or more of 255)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Clip with its versions in pairs, one above the other."""

    title: str
    pairs: Sequence[Sequence[Strip]]
    seconds_per_frame: float
    track: Track | None = None

    @property
    def num_frames(self) -> int:
        """Number of frames of the window."""
        return len(self.pairs[0][0].frames)

    @property
    def repeats(self) -> int:
        """Number of times that it is played, to last three seconds."""
        seconds = self.num_frames * self.seconds_per_frame
        return max(1, int(np.ceil(_SHORTEST_SECONDS / seconds - 1e-9)))


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of the frames, the same for all scenes of a video."""

    side: int
    pairs: int

    @property
    def across(self) -> int:
        """Pairs beside each other."""
        return min(self.pairs, _MOST_ACROSS)

    @property
    def width(self) -> int:
        """Width of the video; even, as H.264 needs it."""
        return _even(_GAP + self.across * (self.side + _GAP))

    @property
    def height(self) -> int:
        """Height of the video; even."""
        lines = -(-self.pairs // self.across)
        return _even(_TOP + lines * self._pair_height + _BOTTOM)

    @property
    def _pair_height(self) -> int:
        return 2 * self.side + _NAME + _TEXT + _GAP // 2

    def corner(self, pair: int, member: int) -> tuple[int, int]:
        """Return the row and column of the first pixel of a frame.

        Args:
            pair: Number of the pair.
            member: 0 for the upper frame, 1 for the lower.
        """
        line, column = divmod(pair, self.across)
        down = _TOP + line * self._pair_height + _NAME + member * (self.side + _GAP // 2)
        return down, _GAP + column * (self.side + _GAP)


def layout_of(scenes: Sequence[Scene]) -> Layout:
    """Return a layout that fits all scenes; frames are enlarged by a whole factor."""
    side = max(len(pair[0].frames[0]) for scene in scenes for pair in scene.pairs)
    return Layout(side * max(1, round(_SIDE / side)), max(len(scene.pairs) for scene in scenes))


def scene_frames(scene: Scene, layout: Layout) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """Yield the frames of a scene, played once."""
    empty = _canvas(scene, layout)
    for number in range(scene.num_frames):
        frame = empty.copy()
        for index, pair in enumerate(scene.pairs):
            for member, strip in enumerate(pair):
                down, right = layout.corner(index, member)
                shown = resized(strip.frames[number], layout.side)
                frame[down : down + layout.side, right : right + layout.side] = shown
        yield frame


def resized(frame: UInt8[np.ndarray, "m m c"], side: int) -> UInt8[np.ndarray, "s s c"]:
    """Enlarge a square frame by repeating pixels."""
    at = np.arange(side) * len(frame) // side
    return frame[at][:, at]


@plain_text()
def _canvas(scene: Scene, layout: Layout) -> UInt8[np.ndarray, "h w c"]:
    """Draw the texts of a scene on white."""
    size = layout.width / _DPI, layout.height / _DPI
    figure = Figure(figsize=size, dpi=_DPI, facecolor="white")

    def write(text: str, right: int, down: int, **style: Any) -> None:
        x, y = right / layout.width, 1 - down / layout.height
        figure.text(x, y, text, va="top", **style)

    write(_fitting(scene.title, layout.width // 9), _GAP, 10, fontsize=10.5, weight="bold")
    for index, pair in enumerate(scene.pairs):
        down, right = layout.corner(index, 0)
        most = layout.side // 7
        write(_fitting(pair[0].name, most), right, down - 18, fontsize=9.5, weight="bold")
        below = layout.corner(index, 1)[0] + layout.side + 4
        below_it = "" if pair[1].is_difference else f"\n{pair[1].caption}"
        caption = f"{pair[0].caption}{below_it}"
        lines = [part for line in caption.split("\n") for part in textwrap.wrap(line, most)]
        for number, line in enumerate(lines[:4]):
            write(line, right, below + 14 * number, fontsize=8, color="0.2")
    write(_LEGEND, _GAP, layout.height - _BOTTOM, fontsize=7.5, color="0.2")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    page = np.full((layout.height, layout.width, 3), 255, dtype=np.uint8)
    height, width = min(layout.height, len(drawn)), min(layout.width, drawn.shape[1])
    page[:height, :width] = drawn[:height, :width]
    return page


def _fitting(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _even(number: int) -> int:
    return number + number % 2
