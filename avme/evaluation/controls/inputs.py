"""Inputs of one evaluation: the modality's, or those of modes and degradations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from avme.corruptions.degradation import Degradation, parse_degradation
from avme.corruptions.kinds import SEVERITIES
from avme.errors import UsageError
from avme.evaluation.controls.audio_modes import audio_source
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.frame_modes import frame_source
from avme.evaluation.controls.mode_names import (
    REAL,
    AudioMode,
    FrameMode,
    parse_audio_mode,
    parse_frame_mode,
)
from avme.evaluation.modality import ScoredModality


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of audio and frames that the settings of an evaluation name."""

    audio: AudioMode
    frames: FrameMode
    degradations: tuple[Degradation, ...]


def parse_changes(
    audio: str, frames: str, degrade: Sequence[str], *, controls: bool = False
) -> Changes:
    """Parse the settings.

    Args:
        audio: Mode of the audio.
        frames: Mode of the frames.
        degrade: Degradations, `KIND=SEVERITY`; with `controls` also `KIND` for all severities.
        controls: The battery of controls, which scores each degradation by itself.

    Raises:
        UsageError: A name is unknown; without `controls`, a degradation without its severity, or
            several of one modality.
    """
    parsed = {text: parse_degradation(text) for text in degrade}
    chosen = tuple(dict.fromkeys(each for found in parsed.values() for each in found))
    if not controls:
        for text, found in parsed.items():
            if len(found) > 1:
                raise UsageError(
                    f"--degrade {text}: one evaluation has one severity (got all, expected one of "
                    f"1 to {len(found)}): write {text}=3, or add --controls for all of them"
                )
        for modality in ("frames", "audio"):
            same = [str(each) for each in chosen if each.modality == modality]
            if len(same) > 1:
                raise UsageError(
                    f"--degrade: one degradation of {modality} at a time (got {', '.join(same)}): "
                    "leave one out, or add --controls to score each by itself"
                )
    return Changes(parse_audio_mode(audio), parse_frame_mode(frames), chosen)


def degradation_names(degradations: Sequence[Degradation]) -> list[str]:
    """Return `KIND=SEVERITY` of each, or `KIND` for one of which all severities are there."""
    found: dict[str, list[Degradation]] = {}
    for each in degradations:
        found.setdefault(each.kind, []).append(each)
    return [
        name
        for kind, same in found.items()
        for name in ([kind] if len(same) == len(SEVERITIES) else map(str, same))
    ]


def change_inputs(
    modality: ScoredModality, changes: Changes, clips: ClipAudio, seed: int
) -> ScoredModality:
    """Return the inputs with changed audio and frames.

    Args:
        modality: Inputs of the classifier or of one half of it.
        changes: Modes and degradations, at most one of frames and one of audio.
        clips: Audio of the clips.
        seed: Seed of permutations, donors and noise.

    Raises:
        UsageError: The classifier does not use the changed input, or the clips do not allow the
            mode.
    """
    require_used(modality, changes)
    of = {each.modality: each for each in changes.degradations}
    if changes.audio.kind != REAL or "audio" in of:
        source = audio_source(changes.audio, clips, seed, of.get("audio"))
        modality = replace(modality, audio=str(changes.audio), audio_sources=(source,))
    if changes.frames.kind != REAL or "frames" in of:
        changed = frame_source(changes.frames, clips.reader, seed, of.get("frames"))
        modality = replace(modality, frames=str(changes.frames), frame_source=changed)
    return modality


def require_used(modality: ScoredModality, changes: Changes) -> None:
    """Check that the classifier uses every input that is changed.

    Args:
        modality: Inputs of the classifier or of one half of it.
        changes: Modes and degradations.

    Raises:
        UsageError: It does not use one of them.
    """
    if changes.audio.kind != REAL:
        _require_real(modality, f"--audio {changes.audio}", "audio")
    if changes.frames.kind != REAL:
        _require_real(modality, f"--frames {changes.frames}", "frames")
    for each in changes.degradations:
        _require_real(modality, f"--degrade {each}", each.modality)


def require_plain_inputs(modality: ScoredModality, changes: Changes) -> None:
    """Check that no option sets inputs that the controls set themselves.

    Args:
        modality: Inputs of the classifier or of one half of it.
        changes: Modes and degradations.

    Raises:
        UsageError: An option does.
    """
    given = {
        f"--modality {modality.modality}": modality.modality != modality.trained,
        f"--audio {changes.audio}": changes.audio.kind != REAL,
        f"--frames {changes.frames}": changes.frames.kind != REAL,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(
                f"--controls: it sets audio and frames itself (got {option} too, expected one of "
                "both): leave one out"
            )


def _require_real(modality: ScoredModality, option: str, name: Literal["audio", "frames"]) -> None:
    state = modality.audio if name == "audio" else modality.frames
    if state == REAL:
        return
    fix = (
        f"score a classifier that uses {name}"
        if modality.modality == modality.trained
        else f"leave --modality {modality.modality} out"
    )
    raise UsageError(
        f"{option}: the classifier gets no {name} with modality {modality.modality} (got {name} "
        f"{state}, expected {REAL}): {fix}"
    )
