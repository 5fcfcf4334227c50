"""Selection of the video stream that contains the film.

Cameras and editors store previews and cover images as video streams, some of them before the film
and without the flag of an attached picture.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_MAX_PACKETS = 512
"""Maximum packets of all candidates together: 20 s at 25 fps."""
_LOOSE_FRAMES = 2
"""AVI headers commonly count one or two frames too many."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """Selected video stream among those that are not attached pictures."""

    index: int
    """Index of the stream in the container."""
    position: int = 1
    """Number among `num_tracks`, from 1."""
    num_tracks: int = 1
    reason: str = ""
    """Reason for not selecting the first; empty if it is selected."""


def choose_video(container: InputContainer) -> VideoTrack | None:
    """Select a stream with more than one frame, then the container's default one, then the first.

    Streams of unknown codecs come last. Returns None without a video stream. Packets are read from
    `container` if there are several.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        return None
    if len(streams) == 1:
        return VideoTrack(streams[0].index)
    moving = _moving(container, streams)

    def rank(stream: VideoStream) -> tuple[bool, bool, bool]:
        return (
            isinstance(stream.codec_context, VideoCodecContext),
            stream.index in moving,
            bool(stream.disposition & Disposition.default),
        )

    best = max(streams, key=rank)  # the first of equal ones
    readable, moves, _ = (a > b for a, b in zip(rank(best), rank(streams[0]), strict=True))
    reason = "that can be decoded" if readable else "with more than one frame"
    if not (readable or moves):
        reason = "that the container marks as default"
    position = streams.index(best) + 1
    return VideoTrack(best.index, position, len(streams), reason if position > 1 else "")


def _moving(container: InputContainer, streams: list[VideoStream]) -> set[int]:
    """Return the indices of the streams with at least two frames."""
    moving = {stream.index for stream in streams if stream.frames > 1 + _LOOSE_FRAMES}
    counts: Counter[int] = Counter()
    for packet in islice(container.demux(*streams), _MAX_PACKETS):
        if len(moving) == len(streams):
            break
        counts[packet.stream_index] += packet.size > 0
        if counts[packet.stream_index] > 1:
            moving.add(packet.stream_index)
    return moving
