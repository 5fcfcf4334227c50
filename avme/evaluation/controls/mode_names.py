"""Modes of audio and frames, as options name them: `real`, `noise@10`, `offset=1`, `static`.

Free of numpy and torch, so that the command line can reject a wrong mode at once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from avme.errors import UsageError

REAL: Final = "real"
AUDIO_MODES: Final[Mapping[str, str]] = {
    REAL: "the audio of the clip",
    "null": "no audio: the learned null tokens for all clips",
    "silence": "MFCC of digital silence where the clip has audio",
    "noise@SNR": "the audio with Gaussian noise at SNR dB below its power",
    "shuffle": "the audio of a clip of another group, each used once",
    "shuffle-within-class": "the audio of a clip of the same class and another group",
    "offset=S": "the audio of the clip, rotated by S seconds",
    "donor": "clips without audio hear a random clip of another group",
    "presence-swap": "the same, and clips with audio have none",
}
"""Spelling of every audio mode and its meaning."""
FRAME_MODES: Final[Mapping[str, str]] = {
    REAL: "the frames of the window",
    "static": "the middle frame, repeated",
    "shuffle": "the frames in random order, none in its place",
    "reverse": "the frames from last to first",
    "mean": "the mean of the frames, repeated",
    "blank": "one constant color, the same for all clips",
}
"""Spelling of every frame mode and its meaning."""
_LOWEST_SNR_DB, _HIGHEST_SNR_DB = -60.0, 60.0
_LONGEST_OFFSET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class AudioMode:
    """Audio of all clips of an evaluation."""

    kind: str = REAL
    """One of `AUDIO_MODES` without its parameter."""
    value: float | None = None
    """Signal-to-noise ratio in dB, or seconds."""

    def __str__(self) -> str:
        """Return the mode as options name it."""
        mark = {"noise": "@", "offset": "="}.get(self.kind)
        return self.kind if mark is None else f"{self.kind}{mark}{self.value:g}"


@dataclass(frozen=True, slots=True)
class FrameMode:
    """Frames of all windows of an evaluation."""

    kind: str = REAL

    def __str__(self) -> str:
        """Return the mode as options name it."""
        return self.kind


def parse_audio_mode(text: str) -> AudioMode:
    """Parse an audio mode; raises UsageError, which names the modes."""
    for spelled in AUDIO_MODES:
        for mark in "@=":
            kind, with_mark, _ = spelled.partition(mark)
            if with_mark and (text == kind or text.startswith((f"{kind}@", f"{kind}="))):
                return AudioMode(kind, _number(text, spelled, text[len(kind) + 1 :]))
    return AudioMode(_known(text, "audio", AUDIO_MODES))


def parse_frame_mode(text: str) -> FrameMode:
    """Parse a frame mode; raises UsageError, which names the modes."""
    return FrameMode(_known(text, "frames", FRAME_MODES))


def _known(text: str, option: str, modes: Mapping[str, str]) -> str:
    if text in modes:
        return text
    near = get_close_matches(text.lower().replace("_", "-"), modes, n=1, cutoff=0.6)
    hint = f": did you mean {near[0]}?" if near else ""
    raise UsageError(f"{option}: unknown mode (got {text!r}, expected {', '.join(modes)}){hint}")


def _number(text: str, spelled: str, number: str) -> float:
    is_noise = spelled.startswith("noise")
    low, high = (
        (_LOWEST_SNR_DB, _HIGHEST_SNR_DB)
        if is_noise
        else (-_LONGEST_OFFSET_SECONDS, _LONGEST_OFFSET_SECONDS)
    )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    in_range = low <= value <= high and (is_noise or value != 0)
    mark = "@" if is_noise else "="
    if in_range and text[len(spelled.split(mark)[0])] == mark:
        return value
    unit = f"{low:g} to {high:g} dB" if is_noise else f"{low:g} to {high:g} seconds, not 0"
    example = "noise@10" if is_noise else "offset=1"
    raise UsageError(
        f"audio: {spelled} needs a number (got {text!r}, expected {unit}): write for example "
        f"{example}"
    )
