"""Decoded part of a media file: frames and MFCC of windows, exactly as a prepared clip has them.

JPEGs and audio are in unnamed temporary files, so that only the frames of a window are in memory.

Shape letters: t frames of a window, c colors, h and w pixels, s MFCC rows, f coefficients, n
samples, k frames of the part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int16, Int64, UInt8
from torch import Tensor

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.data.crop import crop_resize, distinct_boxes, eval_crops, jpeg_scale_factor
from avme.data.temporal_sampling import Window
from avme.errors import SystemRequirementError
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.span import Span
from avme.shards.jpeg import decode as decode_jpegs

Statistics = Mapping[str, Sequence[float]]
"""`mean` and `deviation` of every coefficient over the train list of a model."""
Rows = tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]


@dataclass(frozen=True, slots=True)
class DecodedPart:
    """Decoded file, or a span of it."""

    clip: DecodedClip
    start_seconds: float
    """Start of the span in the file, after its first frame."""
    jpegs: UInt8[np.ndarray, " n"]
    """All JPEGs, memory-mapped."""
    ends: Int64[np.ndarray, " k"]
    """End of each JPEG among them."""

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.clip.pts)

    @property
    def fps(self) -> float:
        """Frame rate."""
        return float(self.clip.fps)

    def frame_at(self, seconds: float) -> int:
        """Return the frame on screen so many seconds after the start of the part."""
        return max(0, int(np.searchsorted(self.clip.pts, seconds + 1e-6, side="right")) - 1)

    def seconds_of(self, window: Window) -> tuple[float, float]:
        """Return the start and the end of a window in the file, not beyond the last frame."""
        pts = self.clip.pts
        ends = self.clip.seconds if window.end >= len(pts) else float(pts[window.end])
        return self.start_seconds + float(pts[window.start]), self.start_seconds + ends

    def frames(self, window: Window, size: int, crops: int) -> list[UInt8[Tensor, "t h w c"]]:
        """Return the frames of a window in every distinct crop, as in an evaluation.

        Args:
            window: Span of source frames; the last frame is repeated beyond the end.
            size: Side of the crops.
            crops: Number of crops along the longer side.
        """
        clip = self.clip
        shown = window.frames(len(clip.pts))
        distinct = sorted(set(shown))
        boxes = distinct_boxes(eval_crops(clip.height, clip.width, crops), size)
        factor = jpeg_scale_factor(boxes, size)
        decoded = decode_jpegs(
            [self._jpeg(index) for index in distinct],
            height=clip.height,
            width=clip.width,
            factor=factor,
        )
        whole = rearrange(torch.from_numpy(decoded), "t h w c -> t c h w")
        order = [distinct.index(index) for index in shown]
        return [
            rearrange(crop_resize(whole, box.scaled(factor), size)[order], "t c h w -> t h w c")
            for box in boxes
        ]

    def rows(self, window: Window, statistics: Statistics) -> Rows:
        """Return the normalized MFCC rows of a window, zero where not valid, and the valid rows.

        Args:
            window: Span of source frames.
            statistics: Mean and deviation of the model.
        """
        first, last = window.rows()
        begin, end = self.clip.audio_rows
        begin, end = max(begin, first), min(end, last, len(self.clip.mfcc))
        mean, deviation = (torch.tensor(statistics[name]) for name in ("mean", "deviation"))
        mfcc = torch.zeros(last - first, len(mean))
        valid = torch.zeros(last - first, dtype=torch.bool)
        if begin < end:
            stored = torch.from_numpy(np.array(self.clip.mfcc[begin:end]))
            mfcc[begin - first : end - first] = (stored - mean) / deviation
            valid[begin - first : end - first] = True
        return mfcc, valid

    def samples(self, window: Window) -> Int16[np.ndarray, " n"] | None:
        """Return the audio of a window at 16 kHz, mono, zero where there is none.

        None without audible audio.
        """
        clip = self.clip
        if not len(clip.pcm):
            return None
        pts = clip.pts
        seconds = window.num_frames * window.stride / self.fps
        begin = round((float(pts[window.start]) - clip.pcm_start_seconds) * SAMPLE_RATE_HZ)
        found = np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.int16)
        first, last = max(begin, 0), min(begin + len(found), len(clip.pcm))
        if first < last:
            found[first - begin : last - begin] = clip.pcm[first:last]
        return found

    def _jpeg(self, index: int) -> UInt8[np.ndarray, " n"]:
        begin = int(self.ends[index - 1]) if index else 0
        return np.array(self.jpegs[begin : int(self.ends[index])])


def decode_part(path: Path, recipe: Recipe, span: Span | None = None) -> DecodedPart:
    """Decode a file, or a span of it, to temporary files that end with the result.

    Args:
        path: Media file.
        recipe: Settings of decoding, and limits.
        span: Part of the file; None for all of it.

    Raises:
        MediaError: It cannot be decoded, or exceeds a limit.
        SystemRequirementError: The temporary folder has no room.
    """
    try:
        with TemporaryDirectory(prefix="avme-") as name:
            frames = Path(name) / "frames.mjpeg"
            with frames.open("wb") as sink:
                clip = decode(path, sink, work=Path(name), recipe=recipe, span=span)
            jpegs = np.memmap(frames, dtype=np.uint8, mode="r")  # outlives the name of the file
    except OSError as error:
        raise SystemRequirementError(
            f"decoded frames cannot be written to {gettempdir()} ({error.strerror or error}): make "
            "room, or set TMPDIR to another folder"
        ) from error
    start = 0.0 if span is None else span.start_seconds
    return DecodedPart(clip, start, jpegs, np.cumsum(clip.jpeg_bytes))
