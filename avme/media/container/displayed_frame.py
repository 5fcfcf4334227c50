"""Which frame of a video stream is on screen at a time, and how long the last one stays there.

A frame is on screen from its own time to that of the next one, be that 40 ms or minutes later.
Packets are read and none is decoded, so that these times cost little; what a decoder makes of the
packets decides in the end.
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
"""A written time is rounded; the shortest tick of a usual clock is ten times this."""
_TICK_SECONDS = 0.001
"""ASF declares no longer duration."""
_STEPS_BACK_SECONDS = (1.0, 4.0, 16.0, 64.0)
"""Seeking leads to the last key frame before a time, but in some containers behind it."""
_FIRST_HELD_BACK_SECONDS = 3600.0
"""Some containers are searched by decoding times, that of the first frame earlier than its own."""
_MAX_PACKETS = 65_536
"""The longest distance of two key frames that is looked through: 36 minutes at 30 a second."""
_MAX_REORDERED = 16
"""Frames that H.264 and HEVC let a decoder hold back."""


@dataclass(frozen=True, slots=True)
class Shown:
    """When a frame is on screen, in seconds: from `begins` until before `ends`."""

    begins: float
    ends: float
    """Infinite if another frame follows at or after the time that was looked up."""

    def after(self, zero: float) -> "Shown":
        """Return the same with times that count from `zero`."""
        return Shown(self.begins - zero, self.ends - zero)


def begin_of_shown(
    container: InputContainer, stream: VideoStream, seconds: float, delay: Fraction = Fraction(0)
) -> float | None:
    """Return when the frame appeared that is on screen at `seconds`; None if none is found.

    Times are those of the container's clock; `delay` is that of FirstFrame.
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
) -> Shown | None:
    """Return the last frame that appears before the time `before`, which may be infinite.

    Its end is infinite if another frame follows. The last frame of a file is on screen for as long
    as the container declares, and no shorter than `step_seconds` or the longest step among the
    frames before it, unless the file ends earlier: few recorders know how long it is to be shown.
    None if no frame is found.
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
    for back in (0.0, *_STEPS_BACK_SECONDS):  # as there may be no key frame near the end
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
        return Shown(begins, inf)
    ends = begins + durations[begins]
    if is_dated_by_decoding(container):
        # What the decoder holds back is shown last, up to the time of the last packet.
        begins += float(delay)
        ends = max(begins, _end_of_chunks(stream))
        if begins >= before - GRACE_SECONDS:
            return None
    longest = max([step_seconds, *(after - time for time, after in pairwise(times))])
    return Shown(begins, max(ends, min(begins + longest, file_ends)))


def _times(
    container: InputContainer, stream: VideoStream, target: float, until: float, delay: float
) -> Iterator[tuple[float, float]]:
    """Yield when frames appear and their declared length, from a key frame to beyond `until`."""
    by_decoding, beyond = is_dated_by_decoding(container), 0
    with suppress(av.error.FFmpegError):  # as where a program stream cannot be searched
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
    """Return when the last chunk of an AVI ends, which may repeat a picture by being empty.

    The header counts them; libavformat corrects the duration where the file is too short for that.
    """
    tick = as_fraction(stream.time_base)
    if tick is None or not stream.frames or stream.duration != stream.frames:
        return 0.0
    return to_seconds(stream.frames, tick)
