"""A clip to ffmpeg's output, with what is tried again where a first pass fails or hears nothing."""

from dataclasses import replace
from pathlib import Path

from avme.errors import MediaError
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import BackwardsError, transcode
from avme.media.ffmpeg.seek import Cut


def transcode_clip(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
) -> tuple[str, bool]:
    """One pass, and another without sound if a sound track that nobody can decode was in it.

    Returns ffmpeg's complaints, and whether the clock of the pictures had to be mended.
    """
    try:
        return _pass(source, target, info, size, recipe, cut)
    except BackwardsError:
        raise
    except MediaError as error:
        if error.reason not in ("undecodable", "crashed") or info.audio is None:
            raise
        without_sound = replace(info, audio=None)
        said, mended = _pass(source, target, without_sound, size, recipe, cut)
        return " | ".join(filter(None, (str(error), said))), mended


def _pass(
    source: Path,
    target: Path,
    info: MediaInfo,
    size: tuple[int, int],
    recipe: Recipe,
    cut: Cut | None,
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
            tonemap=recipe.tonemap,
            untagged_hd_is_bt709=recipe.untagged_hd_is_bt709,
            cut=cut,
            mend_clock=mend_clock,
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
