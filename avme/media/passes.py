"""A clip to ffmpeg's output, with what is tried again where a first pass fails or hears nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from avme.errors import MediaError
from avme.media import sound
from avme.media.arguments import channel_arguments, transcode_arguments
from avme.media.cut import Cut
from avme.media.ffmpeg import SAMPLE_RATE_HZ, BackwardsError, transcode
from avme.media.probe import MediaInfo
from avme.media.recipe import Recipe


def transcode_clip(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
    *,
    first_channel: bool = False,
) -> tuple[str, bool]:
    """One pass, and another without sound if a sound track that nobody can decode was in it.

    With `first_channel` the sound is that of one channel instead of the mean of all. Returns
    ffmpeg's complaints, and whether the clock of the pictures had to be mended.
    """
    try:
        return _pass(source, target, info, size, recipe, cut, first_channel)
    except BackwardsError:
        raise
    except MediaError as error:
        if error.reason not in ("undecodable", "crashed") or info.audio is None:
            raise
        without_sound = replace(info, audio=None)
        said, mended = _pass(source, target, without_sound, size, recipe, cut, first_channel)
        return f"{error} | {said}", mended


def _pass(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
    first_channel: bool,
) -> tuple[str, bool]:
    """With the clock as it is; where ffmpeg gives up because of it, once more with a mended one."""

    def run(mend_clock: bool) -> str:
        arguments = transcode_arguments(
            recipe.ffmpeg,
            source,
            target,
            info,
            size=size,
            jpeg_quality=recipe.jpeg_quality,
            cut=cut,
            mend_clock=mend_clock,
            first_channel=first_channel,
            max_bytes=recipe.max_bytes,
            memory_bytes=recipe.memory_bytes,
        )
        return transcode(
            arguments,
            timeout_seconds=recipe.timeout_seconds,
            memory_bytes=recipe.memory_bytes,
        )

    try:
        return run(mend_clock=False), False
    except BackwardsError as error:
        try:
            return run(mend_clock=True), True
        except MediaError:
            raise error from None


def first_channel_sounds(
    source: Path, target: Path, info: MediaInfo, recipe: Recipe, cut: Cut | None
) -> bool:
    """Whether there is sound in the first of several channels, whatever their mean is.

    `target` is a name for an intermediate file. Only sound is decoded.
    """
    if info.audio is None or info.audio.channels < 2:
        return False
    arguments = channel_arguments(
        recipe.ffmpeg,
        source,
        target,
        info.audio,
        cut=cut,
        max_seconds=recipe.max_seconds,
        memory_bytes=recipe.memory_bytes,
    )
    try:
        transcode(
            arguments, timeout_seconds=recipe.timeout_seconds, memory_bytes=recipe.memory_bytes
        )
        samples = np.fromfile(target, dtype="<i2")
    except MediaError:  # the mean was heard: there is no more to be had
        return False
    finally:
        target.unlink(missing_ok=True)
    loudness = sound.measure(samples, SAMPLE_RATE_HZ, recipe.silence_dbfs)
    return sound.state(loudness, recipe.silence_dbfs) == "sound"
