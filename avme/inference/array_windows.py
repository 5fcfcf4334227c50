"""Windows of frames and audio in memory, as a model receives those of a file.

Shape letters: k frames, h and w pixels, c colors, n samples.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Int16, UInt8
from numpy.typing import NDArray
from torch import Tensor

from avme.audio import mfcc
from avme.audio.loudness import AudioState, audio_state, measure_loudness
from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.config import ClipConfig, PrepConfig
from avme.config.clip import ROWS_PER_FRAME
from avme.data.crop import crop_resize, distinct_boxes, eval_crops
from avme.data.temporal_sampling import Window, spread_windows
from avme.errors import UsageError
from avme.inference.decoded_part import Rows, Statistics
from avme.inference.file_windows import SEGMENTS, WHOLE_SECONDS
from avme.inference.media_window import MediaWindow, ViewOptions


class ArrayWindows:
    """Windows of an array of frames, and of samples of the same time.

    Raises UsageError for arrays of another shape or type.
    """

    def __init__(
        self,
        frames: NDArray[Any] | Tensor,
        clip: ClipConfig,
        statistics: Statistics,
        options: ViewOptions | None = None,
        *,
        fps: float = 25.0,
        audio: NDArray[Any] | Tensor | None = None,
    ) -> None:
        """Check the arrays.

        Args:
            frames: RGB bytes, 0 to 255, of shape (k, h, w, 3).
            clip: Window of the model.
            statistics: Mean and deviation of the model.
            options: Windows and crops.
            fps: Frames per second.
            audio: Mono samples at 16 kHz from the first frame on: 16-bit integers, or floats from
                -1 to 1.
        """
        self.frames = _checked_frames(frames)
        if not 0.1 <= fps <= 1000.0:
            raise UsageError(f"fps: expected 0.1 to 1000 (got {fps})")
        self.clip, self.statistics, self.options = clip, statistics, options or ViewOptions()
        self.fps, self.samples = fps, None if audio is None else _checked_samples(audio)
        self.warnings: list[str] = []
        silence_dbfs = PrepConfig().silence_dbfs
        heard = None if self.samples is None else self.samples[: round(self.seconds * 16_000)]
        loudness = None if heard is None else measure_loudness(heard, SAMPLE_RATE_HZ, silence_dbfs)
        self.audio: AudioState = audio_state(loudness, silence_dbfs)

    @property
    def seconds(self) -> float:
        """Length of the frames."""
        return len(self.frames) / self.fps

    @property
    def num_expected(self) -> int:
        """Number of windows."""
        return len(self._windows())

    def __iter__(self) -> Iterator[MediaWindow]:
        height, width = self.frames.shape[1:3]
        size = self.clip.image_size
        boxes = distinct_boxes(eval_crops(height, width, self.options.crops), size)
        for index, window in enumerate(self._windows()):
            shown = self.frames[window.frames(len(self.frames))]
            whole = rearrange(torch.from_numpy(shown), "t h w c -> t c h w")
            rows, valid = self._rows(window)
            for box in boxes:
                yield MediaWindow(
                    index=index,
                    start_seconds=window.start / self.fps,
                    end_seconds=min(window.end, len(self.frames)) / self.fps,
                    fps=self.fps,
                    frames=rearrange(crop_resize(whole, box, size), "t c h w -> t h w c"),
                    mfcc=rows,
                    audio_valid=valid,
                    samples=None,
                )

    def _windows(self) -> list[Window]:
        clip, options, count = self.clip, self.options, len(self.frames)
        stride = options.stride_seconds or clip.span_frames / self.fps
        segments = options.segments
        if segments is None and options.stride_seconds is None and self.seconds <= WHOLE_SECONDS:
            segments = SEGMENTS
        if segments is not None:
            return spread_windows(count, clip, segments)
        last = max(0, count - clip.span_frames)
        starts = np.arange(0.0, self.seconds - 0.5 / self.fps, stride) * self.fps
        begins = [min(int(start + 1e-6), last) for start in starts]
        return [Window(at, clip.num_frames, clip.frame_stride) for at in dict.fromkeys(begins)]

    def _rows(self, window: Window) -> Rows:
        first, end = window.rows()
        mean, deviation = (torch.tensor(self.statistics[name]) for name in ("mean", "deviation"))
        rows, valid = (
            torch.zeros(end - first, len(mean)),
            torch.zeros(end - first, dtype=torch.bool),
        )
        if self.audio != "audible" or self.samples is None:
            return rows, valid
        row_seconds = 1.0 / self.fps / ROWS_PER_FRAME
        covered = round(len(self.samples) / SAMPLE_RATE_HZ / row_seconds + 1e-6)
        stop = min(end, ROWS_PER_FRAME * len(self.frames), covered)
        if first < stop:
            starts = np.arange(first, stop) * row_seconds
            length = mfcc.window_seconds(Fraction(self.fps).limit_denominator(100_000))
            found = mfcc.mfcc_rows(self.samples, SAMPLE_RATE_HZ, starts, length, len(mean))
            rows[: stop - first] = (torch.from_numpy(found) - mean) / deviation
            valid[: stop - first] = True
        return rows, valid


def _checked_frames(frames: NDArray[Any] | Tensor) -> UInt8[np.ndarray, "k h w c"]:
    array = frames.detach().cpu().numpy() if isinstance(frames, Tensor) else np.asarray(frames)
    if array.ndim != 4 or array.shape[-1] != 3 or array.dtype != np.uint8 or not array.size:
        raise UsageError(
            f"frames: expected RGB bytes of shape (frames, height, width, 3) (got {array.dtype} of "
            f"shape {array.shape})"
        )
    return np.ascontiguousarray(array)


def _checked_samples(audio: NDArray[Any] | Tensor) -> Int16[np.ndarray, " n"]:
    array = audio.detach().cpu().numpy() if isinstance(audio, Tensor) else np.asarray(audio)
    if array.ndim != 1 or (array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating)):
        raise UsageError(
            "audio: expected mono samples at 16 kHz, 16-bit integers or floats from -1 to 1 (got "
            f"{array.dtype} of shape {array.shape})"
        )
    if array.dtype == np.int16:
        return array
    if not np.isfinite(array).all():
        raise UsageError("audio: expected finite samples (got nan or infinity)")
    return np.asarray(np.rint(array.clip(-1.0, 1.0) * 32_767), dtype=np.int16)
