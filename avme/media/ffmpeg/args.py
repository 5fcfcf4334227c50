"""Arguments of ffmpeg for one pass over a file.

The output is one temporary file in NUT format, which stores exact time stamps.
"""

from pathlib import Path
from typing import Any

import ffmpeg

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.media.container.formats import DEMUXERS, PROTOCOLS
from avme.media.container.probe import MAX_PIXELS, MediaInfo
from avme.media.ffmpeg.process import crops_by_container
from avme.media.ffmpeg.seek import MAX_FIXED_DECREASE_SECONDS, Cut

_SOURCE, _TARGET = "file:source", "file:target"
"""Placeholders: ffmpeg-python takes only UTF-8 names."""
MAX_FRAMES = 1_000_000
"""Eleven hours at 25 fps; a small file can contain more empty ones."""
_NEVER_SECONDS = 10**9
_RESAMPLE = f"aresample={SAMPLE_RATE_HZ}:filter_size=128:internal_sample_fmt=fltp"
"""With ffmpeg's default of 32 taps a tone of 8.5 kHz is aliased to 7.5 kHz, at -26 dB.

FFmpeg 5.1 would filter 16-bit audio with 16-bit coefficients, newer versions in floating point.
"""
_MENDED_CLOCK = (
    "setpts='if(isnan(PREV_OUTPTS)+gt(PTS,PREV_OUTPTS)"
    f"+lt(PTS,PREV_OUTPTS-{MAX_FIXED_DECREASE_SECONDS}/TB),PTS,PREV_OUTPTS+1/(FRAME_RATE*TB))'"
)


def transcode_arguments(
    executable: str,
    source: Path,
    target: Path,
    info: MediaInfo,
    *,
    size: tuple[int, int],
    jpeg_quality: int,
    tonemap: bool = False,
    untagged_hd_is_bt709: bool = False,
    cut: Cut | None = None,
    fix_timestamps: bool = False,
    max_bytes: int | None = None,
    memory_bytes: int | None = None,
) -> list[str]:
    """Build the command line of a pass.

    Frames of an AVI whose decoder reorders them are shifted back by `info.delay_seconds`. Cropping
    by the container is not applied. `-bitexact` omits version strings from the JPEGs.

    Args:
        executable: ffmpeg.
        source: Media file.
        target: Temporary NUT file.
        info: Header of the source.
        size: Width and height of the JPEGs.
        jpeg_quality: Value of `-q:v`.
        tonemap: Convert HDR to BT.709.
        untagged_hd_is_bt709: Read HD frames without a tagged matrix as BT.709 instead of BT.601.
        cut: Segment; None for all of the file.
        fix_timestamps: Show a frame whose time is not after that of the one before one frame later.
            ffmpeg fails if times decrease by more than MAX_FIXED_DECREASE_SECONDS.
        max_bytes: Size at which the output ends, with exit code 0.
        memory_bytes: Limit of each allocation of ffmpeg.

    Returns:
        Program and arguments. The output ends after MAX_FRAMES + 1 frames, with exit code 0.
    """
    uncropped = info.shown_size is not None and crops_by_container(executable)
    given = _given(cut, uncropped, info.is_steady)
    tracks = [given[str(info.stream)]]
    options: dict[str, Any] = {
        "c:v": "mjpeg",
        "q:v": jpeg_quality,
        "threads:v": 1,
        "flags:v": "+bitexact",
        "strict:v": "unofficial",  # without a frame, ffmpeg 9.0 assumes limited range
        # No -frames: from ffmpeg 6 on it ends the audio at the time of the last frame.
        "vf": f"trim=end_frame={MAX_FRAMES + 1},"
        + _pixel_filters(info, size, tonemap, untagged_hd_is_bt709),
        "fps_mode": "passthrough",  # no frame is repeated or dropped to match the header's rate
        "enc_time_base:v": f"{info.time_base.numerator}/{info.time_base.denominator}",
        "map_metadata": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "f": "nut",
    }
    if info.audio is not None:
        tracks.append(given[str(info.audio.stream)])
        options |= {
            # 16 bits would round each channel before they are mixed.
            "c:a": "pcm_f32le" if info.audio.is_stereo else "pcm_s16le",
            "ar": SAMPLE_RATE_HZ,
            "ac": 2 if info.audio.is_stereo else 1,
            "af": _audio_filters(cut, info.audio.mono_filter),
        }
    if cut is not None:
        # Clock of the source: relative to the seek point, times would be rounded to its ticks.
        options |= {"copyts": None, "vf": f"{cut.video_filter},{options['vf']}"}
    if info.delay_seconds:
        options["vf"] = f"setpts=round(PTS-{float(info.delay_seconds)!r}/TB),{options['vf']}"
    if fix_timestamps:
        options["vf"] = f"{_MENDED_CLOCK},{options['vf']}"
    if max_bytes is not None:
        options["fs"] = max_bytes
    return _compiled(
        ffmpeg.output(*tracks, _TARGET, **options), executable, source, target, memory_bytes
    )


def _pixel_filters(
    info: MediaInfo, size: tuple[int, int], tonemap: bool, untagged_hd_is_bt709: bool
) -> str:
    """Build the filters to full-range BT.601 of one size, as JPEG requires.

    The size is fixed because a stream may change its own. With yuvj420p instead of yuv420p, ffmpeg
    7.0 would use the matrix of the source.
    """
    given = ""
    if untagged_hd_is_bt709 and info.color.is_untagged_hd(info.width, info.height):
        given = "in_color_matrix=bt709:"
    scale = f"scale={size[0]}:{size[1]}:{given}out_color_matrix=bt601:out_range=pc,format=yuv420p"
    if tonemap and info.color.hdr:
        return f"{info.color.tonemap_filters(*size)},{scale}"
    return scale


def _given(cut: Cut | None, uncropped: bool = False, is_steady: bool = False) -> Any:
    jumping = {"dts_delta_threshold": _NEVER_SECONDS} if is_steady else {}
    cropping = {"apply_cropping": "codec"} if uncropped else {}
    return ffmpeg.input(
        _SOURCE,
        protocol_whitelist=PROTOCOLS,
        format_whitelist=DEMUXERS,
        threads=1,
        max_pixels=MAX_PIXELS,  # a stream may change its size after the probe
        **{"flags:v": "+unaligned"},  # exact left crops of the codec
        **cropping,
        **jumping,
        **_reading(cut),
    )


def _audio_filters(cut: Cut | None, mono: str | None) -> str:
    return ",".join(filter(None, (cut.audio_filter if cut else None, mono, _RESAMPLE)))


def _compiled(
    output: Any, executable: str, source: Path, target: Path, memory_bytes: int | None
) -> list[str]:
    guards = ["-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "1"]
    if memory_bytes is not None:
        guards += ["-max_alloc", str(memory_bytes)]
    words = output.global_args(*guards).overwrite_output().compile(cmd=executable)
    paths = {_SOURCE: f"file:{source.absolute()}", _TARGET: f"file:{target.absolute()}"}
    return [paths.get(word, word) for word in words]


def _reading(cut: Cut | None) -> dict[str, str]:
    if cut is None:
        return {}
    given = {"ss": cut.seek_seconds, "t": cut.read_seconds}
    return {name: f"{value:.6f}" for name, value in given.items() if value is not None}
