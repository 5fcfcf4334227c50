"""Conditions of a battery of controls, and the outcomes of all clips under each.

Shape letters: n clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64

from avme.corruptions.degradation import Degradation
from avme.evaluation.controls.mode_names import (
    REAL,
    AudioMode,
    FrameMode,
    parse_audio_mode,
    parse_frame_mode,
)
from avme.evaluation.intervals import Groups

REAL_AUDIO: Final = AudioMode()
REAL_FRAMES: Final = FrameMode()
BATTERY_AUDIO: Final[tuple[AudioMode, ...]] = tuple(
    map(
        parse_audio_mode,
        (
            *(REAL, "null", "silence", "noise@20", "noise@10", "noise@0", "shuffle"),
            *("shuffle-within-class", "offset=0.5", "offset=1", "donor", "presence-swap"),
        ),
    )
)
"""Audio modes of a battery, all on the real frames."""
BATTERY_FRAMES: Final[tuple[FrameMode, ...]] = tuple(
    map(parse_frame_mode, ("static", "shuffle", "reverse", "mean", "blank"))
)
"""Frame modes of a battery, on the real audio."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Audio and frames of all clips in one evaluation."""

    audio: AudioMode = REAL_AUDIO
    frames: FrameMode = REAL_FRAMES
    degradation: Degradation | None = None
    """Degradation of the real frames or the real audio."""

    def __str__(self) -> str:
        """Return what differs from the clips themselves, `real` if nothing does."""
        parts = [
            *([f"audio {self.audio}"] if self.audio.kind != REAL else []),
            *([f"frames {self.frames}"] if self.frames.kind != REAL else []),
            *([str(self.degradation)] if self.degradation else []),
        ]
        return ", ".join(parts) or REAL

    @property
    def frame_change(self) -> tuple[FrameMode, Degradation | None]:
        """Mode and degradation of the frames: equal ones are scored together."""
        is_of_frames = self.degradation is not None and self.degradation.modality == "frames"
        return self.frames, self.degradation if is_of_frames else None

    @property
    def audio_change(self) -> tuple[AudioMode, Degradation | None]:
        """Mode and degradation of the audio."""
        is_of_audio = self.degradation is not None and self.degradation.modality == "audio"
        return self.audio, self.degradation if is_of_audio else None


CLEAN: Final = Condition()
NO_AUDIO: Final = Condition(audio=AudioMode("null"))
NO_FRAMES: Final = Condition(frames=FrameMode("blank"))
NEITHER: Final = Condition(audio=AudioMode("null"), frames=FrameMode("blank"))
SHUFFLE: Final = Condition(audio=AudioMode("shuffle"))
WITHIN_CLASS: Final = Condition(audio=AudioMode("shuffle-within-class"))
EXCHANGES: Final = (SHUFFLE, WITHIN_CLASS)
"""Conditions in which clips exchange their audio."""


@dataclass(frozen=True)
class Outcomes:
    """Predictions of all clips under every condition that was measured."""

    label: Int64[np.ndarray, " n"]
    predicted: Mapping[Condition, Int64[np.ndarray, " n"]]
    correct: Mapping[Condition, Bool[np.ndarray, " n"]]
    audible: Bool[np.ndarray, " n"]
    """Clips with audio."""
    groups: Groups
    owner: Mapping[Condition, Int64[np.ndarray, " n"]] = field(default_factory=dict)
    """For conditions with exchanged audio, the clip whose audio each clip hears."""
    missing: Mapping[Condition, str] = field(default_factory=dict)
    """Conditions that the clips or the classifier do not allow, with the reason."""
    heard: Bool[np.ndarray, " n"] | None = None
    """Clips that hear audio under `CLEAN`, which may be a donor's; None for those with audio."""

    @property
    def hearing(self) -> Bool[np.ndarray, " n"]:
        """Return the clips that hear audio under `CLEAN`."""
        return self.audible if self.heard is None else self.heard

    def drop(self, condition: Condition, against: Condition = CLEAN) -> Int64[np.ndarray, " n"]:
        """Return for each clip what `condition` loses: 1 if only `against` has it right."""
        return self.correct[against].astype(np.int64) - self.correct[condition].astype(np.int64)

    def has(self, *conditions: Condition) -> bool:
        """Return True if all conditions were measured."""
        return all(condition in self.correct for condition in conditions)

    def why_not(self, *conditions: Condition) -> str:
        """Return the reason why the first missing condition was not measured."""
        lacking = next(each for each in conditions if each not in self.correct)
        return self.missing.get(lacking, f"{lacking} is not among the conditions")


def audio_conditions(modes: Sequence[AudioMode] = BATTERY_AUDIO) -> list[Condition]:
    """Return the conditions with changed audio on real frames."""
    return [Condition(audio=mode) for mode in modes]
