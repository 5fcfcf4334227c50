"""Frame of a video stream that is on screen at a time, and the duration of the last one.

A frame is on screen from its own time to that of the next one, 40 ms or minutes later. Packets are
read and none is decoded, so that these times are cheap; the decoder's output is decisive.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from math import inf

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from avme.media.container.first_frame import is_dated_by_decoding
from avme.media.container.rational import as_fraction, to_seconds

GRACE_SECONDS = 1e-6
"""Tolerance for rounded times; the shortest tick of a usual clock is ten times this."""
_TICK_SECONDS = 0.001
"""Longest duration that ASF declares."""
_STEPS_BACK_SECONDS = (1.0, 4.0, 16.0, 64.0)
"""Seeking leads to the last key frame before a time, but in some containers after it."""
_FIRST_HELD_BACK_SECONDS = 3600.0
"""Some containers are searched by decoding times; that of the first frame precedes its own."""
_MAX_PACKETS = 65_536
"""Maximum distance of two key frames: 36 minutes at 30 fps."""
_MAX_REORDERED = 16
"""Frames that H.264 and HEVC let a decoder delay."""


@dataclass(frozen=True, slots=True)
class DisplayedFrame:
    """Time on screen of a frame, in seconds, half-open: from `begins` to `ends`."""

    begins: float
    ends: float
    """Infinite if another frame follows at or after the requested time."""

    def after(self, zero: float) -> "DisplayedFrame":
        """Return the same with times relative to `zero`."""
        return DisplayedFrame(self.begins - zero, self.ends - zero)


def begin_of_shown(
    container: InputContainer, stream: VideoStream, seconds: float, delay: Fraction = Fraction(0)
) -> float | None:
    """Return the start of the frame that is on screen at `seconds`; None if not found.

    Args:
        container: Open container.
        stream: Video stream.
        seconds: Time on the container's clock.
        delay: Delay of FirstFrame.
    """
    begins = (container.start_time or 0) / av.time_base - _FIRST_HELD_BACK_SECONDS
    for back in (0.0, *_STEPS_BACK_SECONDS, inf):
        target = max(begins, seconds - back)
        times = (time for time, _ in _times(container, stream, target, seconds, float(delay)))
        found = max((time for time in times if time <= seconds + GRACE_SECONDS), default=None)
        if found is not None or target <= begins:
            return found
    return None


def last_shown(
    container: InputContainer,
    stream: VideoStream,
    before: float,
    delay: Fraction = Fraction(0),
    step_seconds: float = 0.0,
) -> DisplayedFrame | None:
    """Return the last frame that appears before a time; None if not found.

    Its end is infinite if another frame follows. The last frame of a file is on screen for as long
    as the container declares, and at least for `step_seconds` or the longest step among the frames
    before it, unless the file ends earlier: few recorders know its duration.

    Args:
        container: Open container.
        stream: Video stream.
        before: Time on the container's clock, may be infinite.
        delay: Delay of FirstFrame.
        step_seconds: Minimum duration.
    """
    target, file_ends = before, inf
    if container.duration is not None:
        file_ends = ((container.start_time or 0) + container.duration) / av.time_base
        target = min(before, file_ends)
    if target == inf:
        return None
    times: list[float] = []
    durations: dict[float, float] = {}
    follows = False
    for back in (0.0, *_STEPS_BACK_SECONDS):  # there may be no key frame near the end
        for time, duration in _times(container, stream, target - back, before, float(delay)):
            if time >= before - GRACE_SECONDS:
                follows = True
            else:
                times.append(time)
                durations[time] = duration
        if len(durations) > 1 or any(duration > _TICK_SECONDS for duration in durations.values()):
            break
    if not times:
        return None
    times.sort()
    begins = times[-1]
    if follows:
        return DisplayedFrame(begins, inf)
    ends = begins + durations[begins]
    if is_dated_by_decoding(container):
        # Frames delayed by the decoder are shown last, up to the time of the last packet.
        begins += float(delay)
        ends = max(begins, _end_of_chunks(stream))
        if begins >= before - GRACE_SECONDS:
            return None
    longest = max([step_seconds, *(after - time for time, after in pairwise(times))])
    return DisplayedFrame(begins, max(ends, min(begins + longest, file_ends)))


def _times(
    container: InputContainer, stream: VideoStream, target: float, until: float, delay: float
) -> Iterator[tuple[float, float]]:
    """Yield the start and declared duration of frames, from a key frame to beyond `until`."""
    by_decoding, beyond = is_dated_by_decoding(container), 0
    with suppress(av.error.FFmpegError):  # some program streams cannot be searched
        container.seek(round(target * av.time_base))
        for packet in islice(container.demux(stream), _MAX_PACKETS):
            stamp = packet.dts if by_decoding or packet.pts is None else packet.pts
            if stamp is None or not packet.size:
                continue
            time = to_seconds(stamp, packet.time_base) - (delay if by_decoding else 0.0)
            yield time, to_seconds(packet.duration or 0, packet.time_base)
            beyond = beyond + 1 if time > until + GRACE_SECONDS else 0
            decoded = -inf
            if packet.dts is not None:
                decoded = to_seconds(packet.dts, packet.time_base) - delay
            if decoded > until + GRACE_SECONDS or beyond > _MAX_REORDERED:
                return


def _end_of_chunks(stream: VideoStream) -> float:
    """Return the end of the last chunk of an AVI, which may repeat a frame by being empty.

    The header counts the chunks; libavformat corrects the duration if the file is too short.
    """
    tick = as_fraction(stream.time_base)
    if tick is None or not stream.frames or stream.duration != stream.frames:
        return 0.0
    return to_seconds(stream.frames, tick)
