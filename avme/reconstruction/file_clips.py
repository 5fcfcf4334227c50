"""Windows of a video file, decoded as `avme prep` decodes clips: same frames, audio and limits.

Only the windows are decoded, so that memory and time do not grow with the file.

Shape letters: t frames, h and w pixels, c colors, s MFCC rows, f coefficients.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.config import ClipConfig, PrepConfig
from avme.config.clip import ROWS_PER_FRAME
from avme.data.crop import crop_resize, eval_crops, jpeg_scale_factor
from avme.data.temporal_sampling import Window
from avme.errors import MediaError, UsageError
from avme.media.container.probe import MediaInfo, probe
from avme.media.decode import DecodedClip, decode
from avme.media.span import Span
from avme.prep.request import find_recipe
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import AudioVersion, ClipInput, Rows, Track
from avme.shards.jpeg import decode as decode_jpegs
from avme.workers.sandbox import get_sandbox

_USUAL_FPS: Final = 25.0
_SPARE_FRAMES: Final = 2
_TRIES: Final = 3
_HEARD: Final = {"audible": "", "silent": ", silent track", "none": ", no audio track"}


@dataclass(frozen=True, slots=True)
class DecodedSpan:
    """Decoded span of a file with its JPEGs.

    It begins up to a frame before the window: the first row of MFCC reads a sample before it.
    """

    clip: DecodedClip
    jpegs: bytes
    lead: int
    """Frames before the window."""

    @property
    def num_frames(self) -> int:
        """Number of frames from the start of the window on."""
        return len(self.clip.pts) - self.lead


class FileClips:
    """Windows of one file: the middle one, or `count` from its start to its end.

    With `start_seconds` they follow each other from there. Shuffled audio is that of the file's
    first or last window, whichever is farther, if it does not overlap. A file that is shorter than
    a window repeats its last frame, as in training.

    Raises:
        MediaError: The file is no readable video.
        UsageError: It is not a file, or `start_seconds` is beyond its end.
    """

    def __init__(self, path: Path, *, start_seconds: float | None = None, count: int = 1) -> None:
        if not path.is_file():
            found = "is no regular file" if path.exists() else "does not exist"
            raise UsageError(f"{path} {found}, expected a video")
        self.path, self.start_seconds, self.count = path, start_seconds, count
        self._recipe = find_recipe(PrepConfig())
        other = get_sandbox(self._recipe.memory_bytes)
        self.info: MediaInfo = other.call(self._recipe.timeout_seconds, probe, path)
        length = self.info.seconds_from_header
        if start_seconds is not None and length is not None and start_seconds >= length:
            raise UsageError(
                f"{path.name}: --start is beyond its end (got {start_seconds:g} s, expected less "
                f"than {length:.1f}): choose an earlier one"
            )
        self._decoded = lru_cache(maxsize=4)(self._decode)

    def __len__(self) -> int:
        return self.count

    @property
    def title(self) -> str:
        """Name of the file, with its length."""
        length = self.info.seconds_from_header
        return self.path.name if length is None else f"{self.path.name} ({length:.1f} s)"

    @property
    def file_name(self) -> str:
        """Default name of files: that of the video, with the start if it was given."""
        start = "" if self.start_seconds is None else f"-{self.start_seconds:g}s"
        return f"{self.path.stem}{start}"

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        """Return a window as the model receives it.

        Raises MediaError if it has no frame.
        """
        clip, num_cepstra = model.settings.clip, len(model.mfcc["mean"])
        seconds = clip.span_frames / self._fps
        starts = self._starts(seconds)
        start = starts[index]
        try:
            span = self._decoded(start, clip.span_frames, num_cepstra)
        except MediaError as error:
            if error.reason != "empty-cut" or self.start_seconds is not None:
                raise
            start = 0.0  # its header promises more than decodes
            span = self._decoded(start, clip.span_frames, num_cepstra)
        real, null = _rows(span, clip, model), _no_rows(clip, num_cepstra)
        if model.settings.train.protocol in ("visual", "constant"):
            real = null  # as the model was trained
        audio: dict[AudioVersion, Rows] = {"real": real, "null": null}
        other = self._other_start(start, seconds)
        if model.hears and other is not None:
            with suppress(MediaError):  # a damaged end
                far = self._decoded(other, clip.span_frames, num_cepstra)
                audio["shuffled"] = _rows(far, clip, model)
        fps = float(span.clip.fps)
        return ClipInput(
            name=self.path.name,
            detail=_detail(span, start, clip),
            video=_frames(span, clip),
            audio=audio,
            seconds_per_frame=clip.frame_stride / fps,
            track=_track(span, clip.span_frames / fps),
        )

    @property
    def _fps(self) -> float:
        return float(self.info.fps or _USUAL_FPS)

    def _starts(self, seconds: float) -> list[float]:
        """Return the starts of all windows of that length."""
        if self.start_seconds is not None:
            return [self.start_seconds + n * seconds for n in range(self.count)]
        slack = max((self.info.seconds_from_header or 0.0) - seconds, 0.0)
        if self.count == 1:
            return [slack / 2]
        return [slack * n / (self.count - 1) for n in range(self.count)]

    def _other_start(self, start: float, seconds: float) -> float | None:
        """Return the start of the farthest window, None if it overlaps."""
        last = (self.info.seconds_from_header or 0.0) - seconds
        other = 0.0 if start >= last - start - 1e-6 else last
        return other if abs(other - start) >= seconds else None

    def _decode(self, start: float, num_frames: int, num_cepstra: int) -> DecodedSpan:
        """Decode so many source frames, or as many as the file has from there."""
        early = max(0.0, start - 1.0 / self._fps)
        seconds = (num_frames + _SPARE_FRAMES) / self._fps
        for _ in range(_TRIES):
            clip, jpegs = self._decode_span(Span(early, start + seconds), num_cepstra)
            before = start - early - 0.5 / self._fps
            lead = min(int((clip.pts < before).sum()), len(clip.pts) - 1)
            found = DecodedSpan(clip, jpegs, lead)
            end = self.info.seconds_from_header
            if found.num_frames >= num_frames or (end is not None and start + seconds >= end):
                break
            seconds *= 2  # its frame rate varies, or is another than its header has
        return found

    def _decode_span(self, span: Span, num_cepstra: int) -> tuple[DecodedClip, bytes]:
        recipe, sink = replace(self._recipe, num_cepstra=num_cepstra), BytesIO()
        with TemporaryDirectory(prefix="avme-") as work:
            clip = decode(self.path, sink, work=Path(work), recipe=recipe, span=span)
            clip = replace(clip, pcm=np.array(clip.pcm))  # it is mapped to a file of `work`
        return clip, sink.getvalue()


def _frames(span: DecodedSpan, clip: ClipConfig) -> UInt8[Tensor, "c t h w"]:
    """Return the frames of the window in their center crop, as in an evaluation."""
    decoded, size = span.clip, clip.image_size
    window = Window(span.lead, clip.num_frames, clip.frame_stride)
    shown = window.frames(len(decoded.pts))
    ends = np.cumsum(decoded.jpeg_bytes)
    files = np.split(np.frombuffer(span.jpegs, dtype=np.uint8), ends[:-1])
    boxes = eval_crops(decoded.height, decoded.width, 1)
    factor = jpeg_scale_factor(boxes, size)
    frames = decode_jpegs(
        [files[index] for index in shown],
        height=decoded.height,
        width=decoded.width,
        factor=factor,
    )
    whole = rearrange(torch.from_numpy(frames), "t h w c -> t c h w")
    square = crop_resize(whole, boxes[0].scaled(factor), size)
    return rearrange(square, "t c h w -> c t h w").contiguous()


def _rows(span: DecodedSpan, clip: ClipConfig, model: Autoencoder) -> Rows:
    """Return the MFCC of the window, normalized, and zero where there is no audio."""
    lead = ROWS_PER_FRAME * span.lead
    stored = span.clip.mfcc[lead : lead + clip.span_rows]
    first, last = span.clip.audio_rows
    begin, end = max(first - lead, 0), min(last - lead, len(stored))
    mfcc, valid = _no_rows(clip, len(model.mfcc["mean"]))
    if begin < end:
        mean, deviation = (torch.tensor(model.mfcc[name]) for name in ("mean", "deviation"))
        mfcc[begin:end] = (torch.from_numpy(stored[begin:end]) - mean) / deviation
        valid[begin:end] = True
    return mfcc, valid


def _no_rows(clip: ClipConfig, num_cepstra: int) -> Rows:
    return torch.zeros(clip.span_rows, num_cepstra), torch.zeros(clip.span_rows, dtype=torch.bool)


def _track(span: DecodedSpan, seconds: float) -> Track | None:
    """Return the samples from the first frame of the window on; None without audible audio."""
    decoded = span.clip
    if not len(decoded.pcm):
        return None
    found = np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.int16)
    begins = decoded.pcm_start_seconds - float(decoded.pts[span.lead])
    offset = round(begins * SAMPLE_RATE_HZ)
    source = decoded.pcm[max(-offset, 0) :]
    begin = max(offset, 0)
    count = max(min(len(found) - begin, len(source)), 0)
    found[begin : begin + count] = source[:count]
    return Track(found, SAMPLE_RATE_HZ)


def _detail(span: DecodedSpan, start: float, clip: ClipConfig) -> str:
    count = span.num_frames
    end = start + min(clip.span_frames, count) / float(span.clip.fps)
    short = ""
    if count < clip.span_frames:
        short = f", {count} of {clip.span_frames} frames: the last is repeated"
    return f"{start:.2f} to {end:.2f} s{_HEARD[span.clip.audio]}{short}"
