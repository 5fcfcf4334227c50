"""ffmpeg pass over a clip: every frame as a JPEG, audio as 16 kHz mono, both with times.

ffmpeg-python builds the arguments; the process is started here, with a timeout and collected error
messages. Its exit code is checked but not sufficient: a truncated AVI ends with code 0.
"""

import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable
from functools import lru_cache

import imageio_ffmpeg

from avme.errors import MediaError, SystemRequirementError
from avme.media.container.probe import MediaInfo
from avme.media.ffmpeg.messages import Messages, summary
from avme.system.resource_errors import shortage
from avme.workers.child_process import limit_memory, wait_for_end

_OLDEST = 5, 1  # -fps_mode came with 5.1
_BROKEN = 7, 0
_INSTALL = "install ffmpeg 5.1 or newer, but not 7.0, with the system's package manager"
_STOPPED_BY_SIGNAL = 255
_BACKWARDS = re.compile(r"Invalid pts \(-?\d+\) <= last \(")  # the same in 5.1 and in 9.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_MISSING_FILTER = re.compile(r"No such filter: '([^']*)'")
_ALWAYS = re.compile(
    "|".join(
        (
            _BACKWARDS.pattern,
            _MISSING_FILTER.pattern,
            *(re.escape(os.strerror(code)) for code in (*_NO_ROOM, errno.ENOMEM)),
        )
    )
)
"""Messages that decide which error is raised."""


def find_ffmpeg() -> str:
    """Return the path of an ffmpeg: that on PATH if it is usable, else imageio-ffmpeg's.

    Usable are 5.1 and newer versions, except 7.0. Raises SystemRequirementError if there is
    neither.
    """
    return _find_ffmpeg(os.environ.get("PATH", os.defpath))


def skipped_ffmpeg() -> str | None:
    """Return why the ffmpeg on PATH is not used; None if it is used or if there is none."""
    own = shutil.which("ffmpeg")
    return None if own is None else _defect(own)


@lru_cache(maxsize=8)
def _find_ffmpeg(search_path: str) -> str:
    own = shutil.which("ffmpeg", path=search_path)
    defect = "no ffmpeg on PATH" if own is None else _defect(own)
    if own is not None and defect is None:
        return own
    try:
        other = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise SystemRequirementError(
            f"{defect}, and imageio-ffmpeg has none for this machine: {_INSTALL}"
        ) from error
    if (other_defect := _defect(other)) is not None:
        raise SystemRequirementError(f"{other_defect}: {_INSTALL}")
    return other


def _defect(executable: str) -> str | None:
    """Return why this ffmpeg is unusable; None if it is usable."""
    version = ffmpeg_version(executable)
    number = re.match(r"n?(\d+)\.(\d+)", version)
    if number is None:  # builds from git are named by a commit
        return None
    found = int(number[1]), int(number[2])
    if found < _OLDEST:
        return f"ffmpeg {version} ({executable}) is older than 5.1"
    if found == _BROKEN:
        return f"ffmpeg {version} ({executable}) crashes on transport streams"
    return None


def _does_not_run(executable: str, error: Exception) -> SystemRequirementError:
    return SystemRequirementError(
        shortage(error) or f"{executable} does not run ({error}): install it again"
    )


@lru_cache(maxsize=8)
def ffmpeg_version(executable: str) -> str:
    """Return the version by `ffmpeg -version`."""
    try:
        done = subprocess.run([executable, "-version"], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise _does_not_run(executable, error) from error
    words = done.stdout.decode(errors="replace").split()
    return words[2] if len(words) > 2 else "unknown"


@lru_cache(maxsize=8)
def crops_by_container(executable: str) -> bool:
    """Return True if this ffmpeg applies crops of MP4 and Matroska files, as from 7.1 on.

    It has a separate option then; the decoder's option of the same name is not listed here.
    """
    try:
        done = subprocess.run([executable, "-h", "long"], capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise _does_not_run(executable, error) from error
    return b"\n-apply_cropping" in done.stdout


def target_size(info: MediaInfo, short_side: int | None) -> tuple[int, int]:
    """Return width and height of stored frames: never enlarged, aspect unchanged."""
    short = min(info.width, info.height)
    if short_side is None or short <= short_side:
        return info.width, info.height
    shrink = short_side / short
    return max(1, round(info.width * shrink)), max(1, round(info.height * shrink))


class NonMonotonicPtsError(MediaError):
    """ffmpeg failed at a frame whose time does not increase."""


def transcode(
    arguments: list[str], *, timeout_seconds: float, memory_bytes: int | None = None
) -> str:
    """Run the pass; return ffmpeg's error messages, the first of each component, on one line.

    Args:
        arguments: Command line.
        timeout_seconds: Time limit.
        memory_bytes: Memory limit, where the system supports one.

    Raises:
        MediaError: Timeout, or ffmpeg failed.
        OSError: The output has no room.
        SystemRequirementError: Another cause outside of the clip.
    """
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # not a file: on a full disk its message would be lost
            # Ctrl-C is handled by the parent: an interrupted clip is not a failed one
            process_group=0,
        )
    except OSError as error:
        raise SystemRequirementError(f"{arguments[0]} does not run ({error})") from error
    if memory_bytes is not None:
        limit_memory(process, memory_bytes)
    messages = Messages(always=_ALWAYS)
    returncode = wait_for_end(process, timeout_seconds, messages.feed)
    if returncode is None:
        raise MediaError(
            f"ffmpeg did not finish within {timeout_seconds:g} s: raise timeout_seconds",
            reason="timeout",
        )
    lines = messages.lines()
    complaints, said = "\n".join(lines), summary(lines)
    for code in _NO_ROOM:
        if os.strerror(code) in complaints:
            raise OSError(code, os.strerror(code))
    if missing := _MISSING_FILTER.search(complaints):
        raise SystemRequirementError(_lacks_filter(arguments[0], missing[1]))
    if returncode == _STOPPED_BY_SIGNAL and not said:
        raise SystemRequirementError("ffmpeg was stopped by a signal: run again")
    if returncode == -signal.SIGKILL:  # not caused by a file
        raise MediaError(
            "ffmpeg was killed (out of memory?): try again with --retry",
            reason="killed",
        )
    if returncode != 0 and memory_bytes is not None and os.strerror(errno.ENOMEM) in complaints:
        raise MediaError(
            f"ffmpeg needs more than its {memory_bytes // 2**20} MB of memory: raise memory_mb",
            reason="memory",
        )
    if returncode < 0:
        raise MediaError(
            f"ffmpeg crashed (signal {-returncode}): {said or 'no reason given'}", reason="crashed"
        )
    if returncode != 0:
        kind = NonMonotonicPtsError if _BACKWARDS.search(complaints) else MediaError
        raise kind(
            f"ffmpeg ended with code {returncode}: {said or 'no reason given'}",
            reason="undecodable",
        )
    return said


def require_filters(executable: str, names: Iterable[str]) -> None:
    """Raise SystemRequirementError if `executable` lacks one of these filters."""
    try:
        done = subprocess.run(
            [executable, "-hide_banner", "-filters"], capture_output=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _does_not_run(executable, error) from error
    rows = (line.split() for line in done.stdout.decode(errors="replace").splitlines())
    known = {row[1] for row in rows if len(row) > 2}
    for name in names:
        if name not in known:
            raise SystemRequirementError(_lacks_filter(executable, name))


def _lacks_filter(executable: str, name: str) -> str:
    return (
        f"{executable} has no filter {name}, which hdr=tonemap needs: install an ffmpeg that is "
        "built with it (zscale: --enable-libzimg), or leave hdr=keep"
    )
