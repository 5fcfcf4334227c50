"""Integrity of a video file: how much of it can be decoded, to choose between copies."""

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import av
import av.error
import av.logging
from av.codec.context import ThreadType
from av.container import InputContainer

from avme.errors import MediaError
from avme.media.container.probe import MAX_PIXELS, open_media, probe
from avme.media.container.rational import to_seconds

WHOLE, DAMAGED, UNREADABLE = range(3)

_MAX_PACKETS: Final = 200_000
"""Maximum packets of the video track; the rest of a longer file is not read."""
_LOOSE_SHARE: Final = 0.98
"""Headers count one or two frames too many."""


@dataclass(frozen=True, slots=True)
class Integrity:
    """WHOLE, DAMAGED or UNREADABLE, with the seconds of video found."""

    level: int
    seconds: float = 0.0


def integrity(path: Path, max_decoded: int) -> Integrity:
    """Read all packets of the video track and decode the first `max_decoded` frames.

    A damaged file opens, but a packet does not decode, a decoder or demuxer reports an error, or
    there are fewer frames than in the header.
    """
    try:
        info = probe(path)
        with open_media(path) as container:
            complained, count, seconds = _read(container, info.stream, max_decoded)
    except (MediaError, av.error.FFmpegError, ValueError, OverflowError, StopIteration):
        return Integrity(UNREADABLE)
    if not count:
        return Integrity(UNREADABLE)
    shares = [
        there / claimed
        for there, claimed in (
            (count, info.num_frames_from_header),
            (seconds, info.seconds_from_header),
        )
        if claimed and claimed > 0
    ]
    is_short = bool(shares) and max(shares) < _LOOSE_SHARE
    return Integrity(DAMAGED if complained or is_short else WHOLE, seconds)


def _read(container: InputContainer, index: int, max_decoded: int) -> tuple[bool, int, float]:
    """Return True for any error, the number of frames, and their seconds."""
    stream = next(s for s in container.streams.video if s.index == index)
    stream.codec_context.thread_type = ThreadType.NONE
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    level, repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    count, first, last, length, failed = 0, math.inf, -math.inf, 0.0, False
    try:
        with av.logging.Capture() as messages:
            try:
                for packet in islice(container.demux(stream), _MAX_PACKETS):
                    decodes = count < max_decoded
                    count += len(packet.decode()) if decodes else packet.size > 0
                    if packet.pts is not None and packet.size:
                        seconds = to_seconds(packet.pts, packet.time_base)
                        first, last = min(first, seconds), max(last, seconds)
                        length = to_seconds(packet.duration or 0, packet.time_base)
            except (
                av.error.FFmpegError,
                IndexError,
            ):  # IndexError by PyAV for a stream that appears late
                failed = True
        return failed or bool(messages), count, max(0.0, last - first + length)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(repeated)
