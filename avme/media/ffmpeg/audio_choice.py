"""The next audio to decode where what was decoded of a clip is silent or nothing.

The other channels of a stream come first, as channels of opposite phase cancel out, then the other
streams of the file. Only audio is decoded to find out which of them are worth a pass.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import av.error
import numpy as np

from avme.errors import MediaError
from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.ffmpeg.args import channel_arguments
from avme.media.ffmpeg.process import transcode
from avme.media.ffmpeg.seek import Cut

_FULL_SCALE = 32_768.0


def candidates(
    source: Path, target: Path, info: MediaInfo, recipe: Recipe, cut: Cut | None
) -> Iterator[AudioInfo]:
    """Yield streams, as mixes or with one channel selected, in the order to try.

    The mix of `info.audio` was tried before. Streams without a sample are left out; silent ones
    are yielded as long as the caller asks for more. `target` is a name for an intermediate file.
    """
    tracks = [track for track in (info.audio, *info.other_audio) if track is not None]
    for track in tracks:
        if track is info.audio and track.channels == 1:
            continue
        levels = channel_levels(source, target, track, recipe, cut)
        if not levels:
            continue
        if track is not info.audio:
            yield track
        if len(levels) > 1 and max(levels) >= recipe.silence_dbfs:
            yield replace(track, channel=levels.index(max(levels)))


def channel_levels(
    source: Path, target: Path, track: AudioInfo, recipe: Recipe, cut: Cut | None
) -> tuple[float, ...]:
    """Measure the RMS of every channel of a stream, in dBFS.

    Empty where not a sample decodes.
    """
    arguments = channel_arguments(
        recipe.ffmpeg,
        source,
        target,
        track,
        cut=cut,
        max_seconds=recipe.max_seconds,
        memory_bytes=recipe.memory_bytes,
    )
    try:
        transcode(
            arguments, timeout_seconds=recipe.timeout_seconds, memory_bytes=recipe.memory_bytes
        )
        return _levels(target)
    except (MediaError, av.error.FFmpegError):
        return ()
    finally:
        target.unlink(missing_ok=True)


def _levels(path: Path) -> tuple[float, ...]:
    with av.open(f"file:{path.absolute()}", format="nut") as container:
        num_channels = container.streams.audio[0].codec_context.channels
        energy, num_samples = np.zeros(num_channels), 0
        for packet in container.demux():
            samples = np.frombuffer(bytes(packet), dtype="<i2").reshape(-1, num_channels)
            energy += np.square(samples / _FULL_SCALE).sum(axis=0)
            num_samples += len(samples)
    if not num_samples:
        return ()
    return tuple(float(10 * np.log10(max(value, 1e-30))) for value in energy / num_samples)
