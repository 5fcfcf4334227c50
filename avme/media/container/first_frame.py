"""First frame of a video stream: size, presentation time, and the delay of its decoder.

An AVI stores frames in decoding order without presentation times: its chunk n is due at n / fps.
ffmpeg gives each frame the time of the packet at which the decoder returns it. With reordered
frames that is later by a constant: one frame in MPEG-4 Part 2, two or more in H.264. Subtracted
from all frames, it gives the first one the time of its own packet.
"""

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import av.error
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avme.media.container.rational import as_fraction

_MAX_PACKETS = 64


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """First decodable frame."""

    width: int
    """Columns after the header's rotation."""
    height: int
    seconds: float | None
    """Presentation time on the clock of the container."""
    delay_seconds: Fraction
    """Delay of ffmpeg's times for the frames of an AVI; zero for other containers."""


def is_dated_by_decoding(container: InputContainer) -> bool:
    """Return True if the packets of `container` have decoding times only."""
    return container.format.name == "avi"


def read_first_frame(
    container: InputContainer, video: VideoStream, max_pixels: int
) -> FirstFrame | None:
    """Decode from the current position; None if the first packets yield no frame.

    Args:
        container: Open container.
        video: Video stream.
        max_pixels: Larger frames are refused by the decoder.
    """
    context = video.codec_context
    context.thread_type = ThreadType.NONE
    context.options = {"max_pixels": str(max_pixels)}
    # Crops of the codec at the left are otherwise rounded to an alignment, except by ffmpeg 9.0.
    context.flags |= Flags.copy_opaque | Flags.unaligned
    with suppress(av.error.FFmpegError):
        for packet in islice(container.demux(video), _MAX_PACKETS):
            if packet.size:
                packet.opaque = packet.dts
            for frame in packet.decode():
                return _describe(container, video, frame)
    return None


def _describe(container: InputContainer, video: VideoStream, frame: VideoFrame) -> FirstFrame:
    seconds, delay = frame.time, Fraction(0)
    own, returned, tick = frame.opaque, frame.dts, as_fraction(video.time_base)
    if is_dated_by_decoding(container) and isinstance(own, int) and tick is not None:
        seconds = float(own * tick)
        if returned is not None:  # None for a frame that only the end of the file flushes
            delay = max(Fraction(0), (returned - own) * tick)
    width, height = frame.width, frame.height
    if round(frame.rotation / 90) % 2 == 1:
        width, height = height, width
    return FirstFrame(width, height, seconds, delay)
