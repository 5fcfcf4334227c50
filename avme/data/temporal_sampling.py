"""Which frames and which sound of a clip a model gets: always the same span of time.

A window covers `num_frames x stride` source frames, half-open. A clip that is shorter repeats its
last frame; its sound is not repeated but ends, and the missing rows are marked as not valid.
"""

from dataclasses import dataclass

import torch

from avme.config import ClipConfig

ROWS_PER_FRAME = 4


@dataclass(frozen=True, slots=True)
class Window:
    """A span of source frames; `start` may lie before the clip, the end may lie behind it."""

    start: int
    num_frames: int
    stride: int

    @property
    def end(self) -> int:
        """First source frame that no longer belongs to the window."""
        return self.start + self.num_frames * self.stride

    def frames(self, clip_frames: int) -> list[int]:
        """Source frames to show, the clip's first and last standing in for what is not there."""
        wanted = range(self.start, self.end, self.stride)
        return [min(max(index, 0), clip_frames - 1) for index in wanted]

    def rows(self) -> tuple[int, int]:
        """Half-open range of MFCC rows of the same span; may reach beyond the clip."""
        return ROWS_PER_FRAME * self.start, ROWS_PER_FRAME * self.end


def random_window(
    clip_frames: int, clip: ClipConfig, generator: torch.Generator, jitter: int = 0
) -> Window:
    """A window anywhere in the clip, or up to `jitter` frames outside it."""
    slack = max(clip_frames - clip.span_frames, 0)
    start = int(torch.randint(-jitter, slack + jitter + 1, (), generator=generator))
    return Window(start, clip.num_frames, clip.stride)


def spread_windows(clip_frames: int, clip: ClipConfig, segments: int) -> list[Window]:
    """Distinct windows, at most `segments`, evenly spaced from the clip's start to its end.

    One alone is the middle one. In a clip with fewer start frames than `segments`, several would
    start at the same frame: they are one window, so that an average weighs every window once.
    """
    slack = max(clip_frames - clip.span_frames, 0)
    starts = (
        [slack // 2]
        if segments == 1
        else [round(slack * k / (segments - 1)) for k in range(segments)]
    )
    return [Window(start, clip.num_frames, clip.stride) for start in dict.fromkeys(starts)]
