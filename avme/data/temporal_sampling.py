"""Temporal sampling: the frames and the audio of a window, always the same time span.

A window covers `num_frames x stride` source frames, half-open. A shorter clip repeats its last
frame; its audio is not repeated, and the missing rows are marked as not valid.
"""

from dataclasses import dataclass

import torch

from avme.config.clip import ROWS_PER_FRAME, ClipConfig


@dataclass(frozen=True, slots=True)
class Window:
    """Span of source frames; may start before the clip or end after it."""

    start: int
    num_frames: int
    stride: int

    @property
    def end(self) -> int:
        """First source frame after the window."""
        return self.start + self.num_frames * self.stride

    def frames(self, clip_frames: int) -> list[int]:
        """Return the source frames to show, clamped to the clip."""
        wanted = range(self.start, self.end, self.stride)
        return [min(max(index, 0), clip_frames - 1) for index in wanted]

    def rows(self) -> tuple[int, int]:
        """Return the half-open range of MFCC rows of the span; may extend beyond the clip."""
        return ROWS_PER_FRAME * self.start, ROWS_PER_FRAME * self.end


def random_window(
    clip_frames: int, clip: ClipConfig, generator: torch.Generator, jitter: int = 0
) -> Window:
    """Draw a window in the clip, or up to `jitter` frames outside it.

    Args:
        clip_frames: Length of the clip.
        clip: Window settings.
        generator: Random generator.
        jitter: Frames that the window may start early.
    """
    slack = max(clip_frames - clip.span_frames, 0)
    start = int(torch.randint(-jitter, slack + jitter + 1, (), generator=generator))
    return Window(start, clip.num_frames, clip.frame_stride)


def spread_windows(clip_frames: int, clip: ClipConfig, segments: int) -> list[Window]:
    """Return distinct windows, evenly spaced from the clip's start to its end.

    A single window is the center one. In a clip with fewer start frames than `segments`, equal
    windows are merged, so that an average weighs every window once.

    Args:
        clip_frames: Length of the clip.
        clip: Window settings.
        segments: Maximum number of windows.
    """
    slack = max(clip_frames - clip.span_frames, 0)
    starts = (
        [slack // 2]
        if segments == 1
        else [round(slack * k / (segments - 1)) for k in range(segments)]
    )
    return [Window(start, clip.num_frames, clip.frame_stride) for start in dict.fromkeys(starts)]
