"""Windows of a video file, equal to those of a prepared clip: same frames, audio and limits.

Only the windows are decoded, so that memory and time do not grow with the file.
"""

import math
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

import torch
from einops import rearrange

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.config import ClipConfig
from avme.data.temporal_sampling import Window
from avme.errors import MediaError, UsageError
from avme.inference.decoded_part import DecodedPart
from avme.inference.file_decoder import FileDecoder
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import AudioVersion, ClipInput, Rows, Track

_CEPSTRA: Final = 13
_HEARD: Final = {"audible": "", "silent": ", silent track", "none": ", no audio track"}
_TIE: Final = 1e-6


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
        self.path, self.start_seconds, self.count = path, start_seconds, count
        self._opened: dict[int, FileDecoder] = {}
        self._decoder(_CEPSTRA)  # raises for what is no video
        self._require_inside(start_seconds or 0.0)
        self._decoded = lru_cache(maxsize=4)(self._decode)

    def __len__(self) -> int:
        return self.count

    @property
    def title(self) -> str:
        """Name of the file, with its length."""
        length = self._length
        return self.path.name if length is None else f"{self.path.name} ({length:.1f} s)"

    @property
    def file_name(self) -> str:
        """Default name of files: that of the video, with the start if it was given."""
        start = "" if self.start_seconds is None else f"-{self.start_seconds:g}s"
        return f"{self.path.stem}{start}"

    @property
    def warnings(self) -> list[str]:
        """Warnings about what was decoded so far, each once."""
        return list(dict.fromkeys(w for each in self._opened.values() for w in each.warnings))

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        """Return a window as the model receives it.

        Raises MediaError if it has no frame.
        """
        clip, num_cepstra = model.settings.clip, len(model.mfcc["mean"])
        seconds = clip.span_frames / self._decoder(_CEPSTRA).fps
        start = self._starts(seconds)[index]
        self._require_inside(start)
        try:
            part, window = self._decoded(start, clip, num_cepstra)
        except MediaError as error:
            if error.reason != "empty-cut" or self.start_seconds is not None:
                raise
            self._decoder(num_cepstra).warn(
                f"no frame at {start:.1f} s, although the header states {self._length:.1f} s: the "
                "first window is used"
            )
            start = 0.0
            part, window = self._decoded(start, clip, num_cepstra)
        null = _no_rows(clip, num_cepstra)
        has_none = model.settings.train.protocol in ("visual", "constant")
        real = null if has_none else part.rows(window, model.mfcc)
        audio: dict[AudioVersion, Rows] = {"real": real, "null": null}
        other = self._other_start(start, seconds)
        if model.hears and other is not None:
            with suppress(MediaError):  # a damaged end
                far, at = self._decoded(other, clip, num_cepstra)
                audio["shuffled"] = far.rows(at, model.mfcc)
        samples = part.samples(window)
        (frames,) = part.frames(window, clip.image_size, 1)
        return ClipInput(
            name=self.path.name,
            detail=_detail(part, window),
            video=rearrange(frames, "t h w c -> c t h w").contiguous(),
            audio=audio,
            seconds_per_frame=clip.frame_stride / part.fps,
            track=None if samples is None else Track(samples, SAMPLE_RATE_HZ),
        )

    def _decoder(self, num_cepstra: int) -> FileDecoder:
        if num_cepstra not in self._opened:
            self._opened[num_cepstra] = FileDecoder(self.path, num_cepstra)
        return self._opened[num_cepstra]

    def _require_inside(self, start: float) -> None:
        """Raise UsageError for a given start that is beyond the end of the file."""
        if self.start_seconds is not None and start >= (self._length or math.inf):
            raise UsageError(
                f"{self.path.name}: a window at {start:g} s is beyond its end (expected less than "
                f"{self._length:.1f} s): choose an earlier --start, or fewer --clips"
            )

    @property
    def _length(self) -> float | None:
        return self._decoder(_CEPSTRA).seconds

    def _starts(self, seconds: float) -> list[float]:
        """Return the starts of all windows of that length."""
        if self.start_seconds is not None:
            return [self.start_seconds + n * seconds for n in range(self.count)]
        slack = max((self._length or 0.0) - seconds, 0.0)
        if self.count == 1:
            return [slack / 2]
        return [slack * n / (self.count - 1) for n in range(self.count)]

    def _other_start(self, start: float, seconds: float) -> float | None:
        """Return the start of the farthest window, None if it overlaps."""
        last = (self._length or 0.0) - seconds
        other = 0.0 if start >= last - start - _TIE else last
        return other if abs(other - start) >= seconds else None

    def _decode(
        self, start: float, clip: ClipConfig, num_cepstra: int
    ) -> tuple[DecodedPart, Window]:
        """Decode a window, and up to a frame before it.

        The first row of MFCC reads a sample before the window.
        """
        decoder = self._decoder(num_cepstra)
        early = max(0.0, start - 1.0 / decoder.fps)
        part = decoder.frames_from(early, clip.span_frames + 1)
        lead = int((part.clip.pts < start - early - 0.5 / decoder.fps).sum())
        return part, Window(min(lead, part.num_frames - 1), clip.num_frames, clip.frame_stride)


def _no_rows(clip: ClipConfig, num_cepstra: int) -> Rows:
    return torch.zeros(clip.span_rows, num_cepstra), torch.zeros(clip.span_rows, dtype=torch.bool)


def _detail(part: DecodedPart, window: Window) -> str:
    start, end = part.seconds_of(window)
    count, span = part.num_frames - window.start, window.num_frames * window.stride
    short = "" if count >= span else f", {count} of {span} frames: the last is repeated"
    return f"{start:.2f} to {end:.2f} s{_HEARD[part.clip.audio]}{short}"
