"""Transcoding of a clip by ffmpeg, with retries without audio and with fixed time stamps."""

from dataclasses import replace
from pathlib import Path

from avme.errors import MediaError
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import NonMonotonicPtsError, transcode
from avme.media.ffmpeg.seek import Cut


def transcode_clip(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
) -> tuple[str, bool]:
    """Transcode a clip; retry without audio if the audio track cannot be decoded.

    Args:
        source: Media file.
        target: Temporary NUT file.
        info: Header of the source.
        size: Width and height of the JPEGs.
        recipe: Settings of decoding, and limits.
        cut: Segment; None for all of the file.

    Returns:
        Error messages of ffmpeg, and True if decreasing time stamps of frames were fixed.

    Raises:
        MediaError: Both passes failed.
    """
    try:
        return _pass(source, target, info, size, recipe, cut)
    except NonMonotonicPtsError:
        raise
    except MediaError as error:
        if error.reason not in ("undecodable", "crashed") or info.audio is None:
            raise
        without_audio = replace(info, audio=None)
        said, fixed_timestamps = _pass(source, target, without_audio, size, recipe, cut)
        return " | ".join(filter(None, (str(error), said))), fixed_timestamps


def _pass(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
) -> tuple[str, bool]:
    """Run ffmpeg; retry with fixed time stamps if decreasing ones made it fail."""

    def run(fix_timestamps: bool) -> str:
        arguments = transcode_arguments(
            recipe.ffmpeg,
            source,
            target,
            info,
            size=size,
            jpeg_quality=recipe.jpeg_quality,
            tonemap=recipe.tonemap,
            untagged_hd_is_bt709=recipe.untagged_hd_is_bt709,
            cut=cut,
            fix_timestamps=fix_timestamps,
            max_bytes=recipe.max_bytes,
            memory_bytes=recipe.memory_bytes,
        )
        return transcode(
            arguments,
            timeout_seconds=recipe.timeout_seconds,
            memory_bytes=recipe.memory_bytes,
        )

    try:
        return run(fix_timestamps=False), False
    except NonMonotonicPtsError as error:
        try:
            return run(fix_timestamps=True), True
        except MediaError:
            raise error from None
