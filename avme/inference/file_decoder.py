"""Decoder of parts of one media file, with the limits of `avme prep`; remembers its warnings."""

from dataclasses import replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Final

from avme.audio.loudness import AUDIO_STATES, AudioState
from avme.config import PrepConfig
from avme.errors import MediaError
from avme.inference.decoded_part import DecodedPart, decode_part
from avme.inference.source_file import NO_FRAMES, require_media_file
from avme.media.container.probe import MediaInfo, probe
from avme.media.decode import Recipe
from avme.media.ffmpeg.seek import find_last_shown
from avme.media.span import Span
from avme.prep.request import find_recipe
from avme.workers.sandbox import get_sandbox

_MOST_WHOLE_SECONDS: Final = 120.0
_MOST_WHOLE_BYTES: Final = 1_000_000_000
_USUAL_FPS: Final = 25.0
_SPARE_FRAMES: Final = 2
_TRIES: Final = 3
_SHORT: Final = "short-cut:"
"""Warning about a part that ends with the file, before the time that was asked for."""


class FileDecoder:
    """Decoder of one file.

    Raises:
        UsageError: It is no file.
        MediaError: It is no readable video, or has audio alone.
    """

    def __init__(self, path: Path, num_cepstra: int) -> None:
        require_media_file(path)
        self.path = path
        self._recipe: Recipe = replace(find_recipe(PrepConfig()), num_cepstra=num_cepstra)
        self._sandbox = get_sandbox(self._recipe.memory_bytes)
        try:
            self.info: MediaInfo = self._sandbox.call(self._recipe.timeout_seconds, probe, path)
        except MediaError as error:
            if error.reason == "no-video":
                raise MediaError(f"{path}: {NO_FRAMES}", reason=error.reason) from error
            raise
        self.audio: AudioState = "none"
        """Best state of the audio in the parts that were decoded so far."""
        self.warnings: list[str] = []
        """Warnings of these parts, each once."""

    @property
    def fps(self) -> float:
        """Frame rate by the header, 25 if it states none."""
        return float(self.info.fps or _USUAL_FPS)

    @cached_property
    def seconds(self) -> float | None:
        """Length by the header, or by the last packets; None if the file does not state it."""
        if self.info.seconds_from_header is not None:
            return self.info.seconds_from_header
        try:
            shown = self._sandbox.call(
                self._recipe.timeout_seconds, find_last_shown, self.path, self.info
            )
        except MediaError:  # its packets cannot be read to the end
            return None
        return shown.ends if shown and isfinite(shown.ends) else None

    def whole(self) -> DecodedPart | None:
        """Decode the file in one pass; None if it is longer or larger than its header promises.

        Raises MediaError if it cannot be decoded.
        """
        recipe = replace(self._recipe, max_seconds=_MOST_WHOLE_SECONDS, max_bytes=_MOST_WHOLE_BYTES)
        try:
            return self._noted(decode_part(self.path, recipe))
        except MediaError as error:
            if error.reason in ("too-long", "too-large"):
                return None
            raise

    def part(self, start_seconds: float, end_seconds: float | None) -> DecodedPart:
        """Decode a part of the file; None ends with it.

        Raises MediaError, with the reason `empty-cut` if no frame is on screen then.
        """
        part = decode_part(self.path, self._recipe, Span(start_seconds, end_seconds))
        is_last = end_seconds is None or self.seconds is None or end_seconds >= self.seconds
        return self._noted(part, _SHORT if is_last else None)

    def frames_from(self, start_seconds: float, num_frames: int) -> DecodedPart:
        """Decode so many frames from a time on, or as many as the file has.

        Raises MediaError as `part` does.
        """
        seconds, found = (num_frames + _SPARE_FRAMES) / self.fps, -1
        for _ in range(_TRIES):
            part = self.part(start_seconds, start_seconds + seconds)
            if part.num_frames >= num_frames or part.num_frames == found:
                break
            seconds, found = 2 * seconds, part.num_frames  # its frame rate varies
        return part

    def warn(self, warning: str) -> None:
        """Remember a warning once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _noted(self, part: DecodedPart, expected: str | None = None) -> DecodedPart:
        self.audio = min(self.audio, part.clip.audio, key=AUDIO_STATES.index)
        for warning in part.clip.warnings:
            if expected is None or not warning.startswith(expected):
                self.warn(warning)
        return part
