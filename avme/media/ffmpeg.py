"""One ffmpeg pass over a clip: every frame as a JPEG, its sound as 16 kHz mono, both with clocks.

The output is one intermediate file in NUT format, which keeps exact time stamps. ffmpeg-python
only builds the arguments; the process is ours, so that it has a timeout and keeps its complaints.
Its exit code is checked but never believed alone: a cut AVI ends with code 0.
"""

import errno
import os
import re
import shutil
import signal
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from avme.errors import MachineError, MediaError
from avme.media.child import limit_memory, wait_for_end
from avme.media.containers import DEMUXERS, PROTOCOLS
from avme.media.cut import Cut
from avme.media.probe import MAX_PIXELS, MediaInfo

SAMPLE_RATE_HZ = 16_000
_OLDEST_MAJOR, _OLDEST_MINOR = 5, 1  # -fps_mode came with 5.1
_STOPPED_BY_SIGNAL = 255
_SOURCE, _TARGET = "file:source", "file:target"
"""ffmpeg-python takes only names that are UTF-8."""
MAX_FRAMES = 1_000_000
"""Eleven hours at 25 a second; a small file can hold more empty ones."""
MOST_MENDED_SECONDS = 0.2
"""Five pictures of 25 a second."""
_MENDED_CLOCK = (
    "setpts='if(isnan(PREV_OUTPTS)+gt(PTS,PREV_OUTPTS)"
    f"+lt(PTS,PREV_OUTPTS-{MOST_MENDED_SECONDS}/TB),PTS,PREV_OUTPTS+1/(FRAME_RATE*TB))'"
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """Path of an ffmpeg: the machine's if it is 5.1 or newer, else imageio-ffmpeg's."""
    own = shutil.which("ffmpeg")
    if own is not None and _is_new_enough(own):
        return own
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MachineError(
            f"no ffmpeg {_OLDEST_MAJOR}.{_OLDEST_MINOR} or newer on PATH, and imageio-ffmpeg has "
            "none for this machine: install ffmpeg with the system's package manager"
        ) from error


def ffmpeg_version(executable: str) -> str:
    """What `ffmpeg -version` calls itself."""
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(f"{executable} does not run ({error}): install ffmpeg again") from error
    words = done.stdout.decode(errors="replace").split()
    return words[2] if len(words) > 2 else "unknown"


def target_size(info: MediaInfo, short_side: int | None) -> tuple[int, int]:
    """Width and height of the stored pictures: never enlarged, the aspect kept."""
    short = min(info.width, info.height)
    if short_side is None or short <= short_side:
        return info.width, info.height
    shrink = short_side / short
    return max(1, round(info.width * shrink)), max(1, round(info.height * shrink))


def transcode_arguments(
    executable: str,
    source: Path,
    target: Path,
    info: MediaInfo,
    *,
    size: tuple[int, int],
    jpeg_quality: int,
    cut: Cut | None = None,
    mend_clock: bool = False,
    max_bytes: int | None = None,
    memory_bytes: int | None = None,
) -> list[str]:
    """The command line of the pass. `-bitexact` keeps version strings out of the pictures.

    With `mend_clock` a picture that would be shown no later than the one before comes a frame's
    length after it; where times run further back than MOST_MENDED_SECONDS, ffmpeg gives up.

    The output ends a little beyond `max_bytes`, and after MAX_FRAMES + 1 pictures, without a word.
    """
    given = ffmpeg.input(
        _SOURCE,
        protocol_whitelist=PROTOCOLS,
        format_whitelist=DEMUXERS,
        threads=1,
        max_pixels=MAX_PIXELS,  # a stream may change its size after it was probed
        **_reading(cut),
    )
    tracks = [given[str(info.stream)]]
    options: dict[str, Any] = {
        "c:v": "mjpeg",
        "q:v": jpeg_quality,
        "threads:v": 1,
        "flags:v": "+bitexact",
        # JPEG is full range BT.601 by definition. A fixed size, as a stream may change its own.
        "vf": f"scale={size[0]}:{size[1]}:out_color_matrix=bt601:out_range=pc,format=yuvj420p",
        "fps_mode": "passthrough",  # neither doubles nor drops frames to fit a claimed rate
        "enc_time_base:v": f"{info.time_base.numerator}/{info.time_base.denominator}",
        "frames:v": MAX_FRAMES + 1,
        "map_metadata": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "f": "nut",
    }
    if info.audio is not None:
        tracks.append(given[str(info.audio.stream)])
        options |= {"c:a": "pcm_s16le", "ar": SAMPLE_RATE_HZ, "ac": 1}
    if cut is not None:
        # The source's own clock: shifted to the seek point, times would be rounded to its ticks.
        options |= {"copyts": None, "vf": f"{cut.video_filter},{options['vf']}"}
        if info.audio is not None:
            options["af"] = cut.audio_filter
    if mend_clock:
        options["vf"] = f"{_MENDED_CLOCK},{options['vf']}"
    if max_bytes is not None:
        options["fs"] = max_bytes
    output = ffmpeg.output(*tracks, _TARGET, **options)
    guards = ["-nostdin", "-hide_banner", "-loglevel", "error", "-filter_threads", "1"]
    if memory_bytes is not None:
        guards += ["-max_alloc", str(memory_bytes)]
    words = output.global_args(*guards).overwrite_output().compile(cmd=executable)
    paths = {_SOURCE: f"file:{source.absolute()}", _TARGET: f"file:{target.absolute()}"}
    return [paths.get(word, word) for word in words]


def transcode(
    arguments: list[str], *, timeout_seconds: float, memory_bytes: int | None = None
) -> str:
    """Runs the pass and returns what ffmpeg complained about, its last lines only.

    Where the system can, ffmpeg gets no more than `memory_bytes` of memory. Raises MediaError when
    the time is up or when ffmpeg gives up, OSError when its output has no room, and MachineError
    when the clip is not to blame otherwise.
    """
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # no file: a full disk would swallow the very words that say so
            process_group=0,  # Ctrl-C is the parent's: a clip cut by it is not bad
        )
    except OSError as error:
        raise MachineError(f"{arguments[0]} does not run ({error})") from error
    if memory_bytes is not None:
        limit_memory(process, memory_bytes)
    returncode, complaints = wait_for_end(process, timeout_seconds)
    if returncode is None:
        raise MediaError(
            f"ffmpeg was not done after {timeout_seconds:g} s: raise timeout_seconds",
            reason="timeout",
        )
    for code in _NO_ROOM:
        if os.strerror(code) in complaints:
            raise OSError(code, os.strerror(code))
    said = last_lines(complaints)
    if returncode == _STOPPED_BY_SIGNAL and not said:
        raise MachineError("ffmpeg was stopped from outside: run again")
    if returncode == -signal.SIGKILL:  # nothing in a file does that
        raise MediaError(
            "ffmpeg was killed from outside, as where memory runs out: try again with --retry",
            reason="killed",
        )
    if returncode != 0 and memory_bytes is not None and os.strerror(errno.ENOMEM) in complaints:
        raise MediaError(
            f"ffmpeg wants more than its {memory_bytes // 2**20} MB of memory: raise memory_mb",
            reason="memory",
        )
    if returncode < 0:
        raise MediaError(
            f"ffmpeg crashed (signal {-returncode}): {said or 'no reason given'}", reason="crashed"
        )
    if returncode != 0:
        raise MediaError(
            f"ffmpeg ended with code {returncode}: {said or 'no reason given'}",
            reason="undecodable",
        )
    return said


def last_lines(complaints: str, num_lines: int = 3) -> str:
    """The end of ffmpeg's complaints on one line, without memory addresses."""
    lines = complaints.split("\n")
    kept = [re.sub(r" @ 0x[0-9a-f]+", "", line.strip()) for line in lines if line.strip()]
    return " | ".join(kept[-num_lines:])


def _reading(cut: Cut | None) -> dict[str, str]:
    if cut is None:
        return {}
    given = {"ss": cut.seek_seconds, "t": cut.read_seconds}
    return {name: f"{value:.6f}" for name, value in given.items() if value is not None}


def _is_new_enough(executable: str) -> bool:
    version = re.match(r"n?(\d+)\.(\d+)", ffmpeg_version(executable))
    if version is None:  # a build from git calls itself by a commit
        return True
    return (int(version[1]), int(version[2])) >= (_OLDEST_MAJOR, _OLDEST_MINOR)
