"""Windows of a media file of any length, as a model receives them.

A file of up to a minute is decoded in one pass, exactly as `avme prep` decodes it: the windows are
then those of `avme eval`. A longer one is decoded in parts, so that memory and temporary space do
not grow with its length; each part is decoded as a segment of `avme prep csv`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from avme.audio.loudness import AudioState
from avme.config import ClipConfig
from avme.data.temporal_sampling import Window, spread_windows
from avme.errors import MediaError
from avme.inference.decoded_part import DecodedPart, Statistics
from avme.inference.file_decoder import FileDecoder
from avme.inference.media_window import MediaWindow, ViewOptions

WHOLE_SECONDS: Final = 60.0
"""Length up to which a file is decoded in one pass."""
SEGMENTS: Final = 5
"""Windows of such a file, as in an evaluation."""
_PART_BYTES: Final = 100_000_000
_BYTES_PER_PIXEL: Final = 0.25
_SPARE_FRAMES: Final = 2


class FileWindows:
    """Windows of a media file, in order of time; every iteration decodes it again.

    A file that is shorter than a window repeats its last frame, as in training. A window that would
    exceed the file is moved back to end with it.

    Raises:
        UsageError: It is no file.
        MediaError: It is no readable video, or has audio alone.
    """

    def __init__(
        self,
        path: Path,
        clip: ClipConfig,
        statistics: Statistics,
        options: ViewOptions | None = None,
    ) -> None:
        self.path, self.clip, self.statistics = path, clip, statistics
        self.options = options or ViewOptions()
        self.decoder = FileDecoder(path, len(statistics["mean"]))

    @property
    def seconds(self) -> float | None:
        """Length of the file; None if it does not state it."""
        return self.decoder.seconds

    @property
    def span_seconds(self) -> float:
        """Length of a window at the frame rate of the header."""
        return self.clip.span_frames / self.decoder.fps

    @property
    def audio(self) -> AudioState:
        """State of the audio in what was decoded so far."""
        return self.decoder.audio

    @property
    def warnings(self) -> list[str]:
        """Warnings about what was decoded so far."""
        return self.decoder.warnings

    @property
    def num_expected(self) -> int | None:
        """Number of windows by the stated length; None if it is unknown."""
        if self._segments is not None:
            return self._segments
        if self.seconds is None:
            return None
        return max(1, int(np.ceil(self.seconds / self._stride - 1e-6)))

    def __iter__(self) -> Iterator[MediaWindow]:
        whole = self.decoder.whole() if self._is_short else None
        if whole is not None:
            return self._views(enumerate(self._windows_of(whole)), whole)
        if self._segments is not None and self.seconds is not None:
            return self._spread(self._segments, self.seconds)
        return self._follow()

    def at(self, start_seconds: float, index: int = 0) -> list[MediaWindow]:
        """Return the window that begins at a time in all crops; it may end after the file.

        Args:
            start_seconds: Time after the first frame of the file.
            index: Number of the window.

        Raises:
            MediaError: No frame is on screen then.
        """
        part = self.decoder.frames_from(start_seconds, self.clip.span_frames)
        return list(self._views([(index, self._window(0))], part))

    @property
    def _is_short(self) -> bool:
        return self.seconds is not None and self.seconds <= WHOLE_SECONDS

    @property
    def _segments(self) -> int | None:
        asked = self.options
        if asked.segments is None and asked.stride_seconds is None and self._is_short:
            return SEGMENTS
        return asked.segments

    @property
    def _stride(self) -> float:
        return self.options.stride_seconds or self.span_seconds

    def _window(self, first: int) -> Window:
        return Window(first, self.clip.num_frames, self.clip.frame_stride)

    def _windows_of(self, whole: DecodedPart) -> list[Window]:
        """Return the windows of a file that was decoded in one pass."""
        if self._segments is not None:
            return spread_windows(whole.num_frames, self.clip, self._segments)
        seconds = np.arange(0.0, whole.clip.seconds - 0.5 / whole.fps, self._stride)
        starts = [self._clamped(whole, whole.frame_at(float(at))) for at in seconds] or [0]
        return [self._window(start) for start in dict.fromkeys(starts)]

    def _spread(self, segments: int, seconds: float) -> Iterator[MediaWindow]:
        """Yield evenly spaced windows of a long file, each decoded alone."""
        slack = max(seconds - self.span_seconds, 0.0)
        starts = [slack / 2] if segments == 1 else np.linspace(0.0, slack, segments).tolist()
        for index, start in enumerate(starts):
            yield from self.at(start, index)

    def _follow(self) -> Iterator[MediaWindow]:
        """Yield windows from the start to the end of a long file, decoded part by part."""
        count, index, start = self._windows_per_part, 0, 0.0
        step = count * self._stride
        while True:
            wanted = step - self._stride + self.span_seconds + _SPARE_FRAMES / self.decoder.fps
            try:
                part = self.decoder.part(start, start + wanted)
            except MediaError as error:
                if error.reason != "empty-cut" or start == 0.0:
                    raise
                if self.seconds is None or start + wanted >= self.seconds:
                    return
                self.decoder.warn(f"undecodable: no frame from {start:.1f} to {start + step:.1f} s")
                start, index = start + step, index + count
                continue
            ended = part.clip.seconds < wanted - 1.5 / min(self.decoder.fps, part.fps)
            for number in range(count):
                after = number * self._stride
                if after >= part.clip.seconds - 0.5 / part.fps:
                    break
                yield from self._window_in(part, index, after, ended=ended)
                index += 1
            if ended:
                return
            start += step

    def _window_in(
        self, part: DecodedPart, index: int, after: float, *, ended: bool
    ) -> Iterator[MediaWindow]:
        """Yield a window of a part; the last one of the file is moved back to end with it."""
        first, span = part.frame_at(after), self.clip.span_frames
        lacks_frames = first + span > part.num_frames
        if lacks_frames and not ended:  # its frame rate varies
            part, first = self.decoder.frames_from(part.start_seconds + after, span), 0
        elif lacks_frames and part.num_frames < span and part.start_seconds > 0.0:
            earlier = self.span_seconds + _SPARE_FRAMES / self.decoder.fps - part.clip.seconds
            part = self.decoder.part(max(0.0, part.start_seconds - earlier), None)
            first = part.num_frames
        return self._views([(index, self._window(self._clamped(part, first)))], part)

    def _clamped(self, part: DecodedPart, first: int) -> int:
        return max(0, min(first, part.num_frames - self.clip.span_frames))

    @property
    def _windows_per_part(self) -> int:
        """Number of windows that are decoded together: a minute, or less for large frames."""
        info = self.decoder.info
        frames = _PART_BYTES / (_BYTES_PER_PIXEL * info.width * info.height)
        seconds = min(WHOLE_SECONDS, frames / self.decoder.fps)
        return max(1, int((seconds - self.span_seconds) // self._stride) + 1)

    def _views(
        self, windows: Iterable[tuple[int, Window]], part: DecodedPart
    ) -> Iterator[MediaWindow]:
        for index, window in windows:
            mfcc, valid = part.rows(window, self.statistics)
            start, end = part.seconds_of(window)
            for frames in part.frames(window, self.clip.image_size, self.options.crops):
                yield MediaWindow(
                    index=index,
                    start_seconds=start,
                    end_seconds=end,
                    fps=part.fps,
                    frames=frames,
                    mfcc=mfcc,
                    audio_valid=valid,
                    samples=part.samples(window),
                )
