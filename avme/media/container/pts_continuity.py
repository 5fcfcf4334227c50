"""Continuity of an MPEG stream's clock: steady, or with jumps where recordings were joined.

ffmpeg interprets each step of more than 10 s as a jump and closes it: between packets of one track,
and to the first packet of another one. Slides have such steps in a steady clock: a muxer writes a
long-lasting frame far behind the audio of its time.
"""

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Final

import av.error
import numpy as np

from avme.errors import MediaError
from avme.media.container.probe import MediaInfo, open_media, unreadable
from avme.media.container.rational import to_seconds
from avme.workers.sandbox import Sandbox

JUMP_SECONDS: Final = 10.0
"""ffmpeg's default for `-dts_delta_threshold`."""
_DISORDER_SECONDS: Final = 1.0


def with_steadiness(
    other: Sandbox, source: Path, info: MediaInfo, timeout_seconds: float
) -> MediaInfo:
    """Return `info` with `is_steady` set, for containers whose clock may jump.

    Args:
        other: Sandbox that reads the packets; without a result the clock is not called steady.
        source: Media file.
        info: Its header.
        timeout_seconds: Time limit.
    """
    if not info.may_jump or info.audio is None:
        return info
    try:
        return replace(info, is_steady=other.call(timeout_seconds, is_steady, source, info))
    except MediaError:
        return info


def is_steady(path: Path, info: MediaInfo) -> bool:
    """Return True if times of the selected tracks grow and together leave no gap.

    A jump leaves a gap in both tracks, or decreases. A gap in one of them is a long-lasting frame,
    or missing audio. Raises MediaError if the file cannot be read.
    """
    if info.audio is None:
        return False
    decoded = {info.stream: array("d"), info.audio.stream: array("d")}
    shown = array("d")
    try:
        with open_media(path) as container:
            selected = [stream for stream in container.streams if stream.index in decoded]
            for packet in container.demux(*selected):
                if packet.dts is not None:
                    seconds = to_seconds(packet.dts, packet.time_base)
                    decoded[packet.stream_index].append(seconds)
                if packet.pts is not None:
                    shown.append(to_seconds(packet.pts, packet.time_base))
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error
    grow = all(
        (np.diff(np.asarray(times)) > -_DISORDER_SECONDS).all() for times in decoded.values()
    )
    return bool(grow and (np.diff(np.sort(np.asarray(shown))) <= JUMP_SECONDS).all())
