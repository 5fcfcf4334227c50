"""Audio streams of a container, in the order in which they are tried.

The stream that the container marks as default is first, as in players; streams for the hearing or
visually impaired are last.
"""

import re
from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from avme.media.container.rational import as_fraction, to_seconds

_IMPAIRED = Disposition.hearing_impaired | Disposition.visual_impaired
_UNKNOWN_LAYOUT = re.compile(r"\d+ channels")
"""Libav's name of a layout of which only the number of channels is known, or that has no name."""
_STEREO = ("stereo", "2 channels")
"""The second has no layout; ffmpeg mixes it as stereo."""
_MOST_MIXED_CHANNELS = 8
"""ffmpeg's mix of larger layouts (22.2, hexadecagonal) omits most of their channels."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Audio stream, as described by the header."""

    stream: int
    codec: str
    sample_rate_hz: int
    channels: int
    start_seconds: float | None
    layout: str = ""
    """Libav's name of the channel layout: `stereo`, `5.1(side)`, `6 channels`, `ambisonic 1`."""
    position: int = 1
    """Number among the audio streams of the file, from 1."""
    reason: str = ""
    """Why this stream is used instead of the first; empty for the first."""
    channel: int | None = None
    """The only channel that is used, from 0; None for the mix of all."""

    @property
    def is_stereo(self) -> bool:
        """Return True if ffmpeg outputs both channels, which are mixed after decoding."""
        return self.channels == 2 and self.layout in _STEREO

    @property
    def mono_filter(self) -> str | None:
        """Return the ffmpeg filter to one channel; None for ffmpeg's own mix.

        ffmpeg weights the loudspeakers of known layouts. For unknown ones it assumes a layout that
        depends on its version, or fails: these are averaged. Of ambisonics the first channel is
        used, which is omnidirectional.
        """
        if self.layout.startswith("ambisonic"):
            return "pan=mono|c0=c0"
        is_known = not _UNKNOWN_LAYOUT.match(self.layout)
        if self.channels <= 2 or (is_known and self.channels <= _MOST_MIXED_CHANNELS):
            return None
        weights = (f"{1 / self.channels:.9f}*c{number}" for number in range(self.channels))
        return f"pan=mono|c0={'+'.join(weights)}"


def list_audio(container: InputContainer) -> tuple[AudioInfo, ...]:
    """Describe the audio streams of a container, in the order to try them."""
    streams = sorted(enumerate(container.streams.audio, 1), key=lambda pair: -_rank(pair[1]))
    first = [position for position, _ in streams[:1]]
    reason = "" if first == [1] else "that the container marks as default"
    return tuple(
        _describe(stream, position, reason if position in first else "")
        for position, stream in streams
    )


def _rank(stream: AudioStream) -> int:
    """Rank a stream as libav's `av_find_best_stream` does."""
    return bool(stream.disposition & Disposition.default) + (not stream.disposition & _IMPAIRED)


def _describe(stream: AudioStream, position: int, reason: str) -> AudioInfo:
    codec, start, tick = stream.codec_context, stream.start_time, as_fraction(stream.time_base)
    return AudioInfo(
        stream=stream.index,
        codec=codec.name if codec else "unknown",
        sample_rate_hz=codec.sample_rate if codec else 0,
        channels=codec.channels if codec else 0,
        start_seconds=None if start is None or tick is None else to_seconds(start, tick),
        layout=codec.layout.name if codec else "",
        position=position,
        reason=reason,
    )
