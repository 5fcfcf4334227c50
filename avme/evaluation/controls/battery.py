"""Battery of controls: its conditions, and the outcomes of all clips under each.

Conditions with the same frames are scored together: one decoding and one encoding of a clip's
frames serve all audio of it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from avme.corruptions.degradation import Degradation
from avme.data.view_sources import AudioSource, FrameSource
from avme.errors import UsageError
from avme.evaluation.controls.audio_modes import audio_owners, audio_source, has_audio
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.conditions import (
    BATTERY_AUDIO,
    BATTERY_FRAMES,
    CLEAN,
    EXCHANGES,
    NEITHER,
    Condition,
    Outcomes,
)
from avme.evaluation.controls.degradation_curves import curve_conditions
from avme.evaluation.controls.frame_modes import frame_source
from avme.evaluation.intervals import Groups
from avme.models.classifier import Modality
from avme.progress import Reporter
from avme.train.evaluator import EvalScores

Score = Callable[[Sequence[AudioSource], FrameSource | None, str], list[EvalScores]]
"""Scores of all clips with each source of audio, from one source of frames; with a title."""


def plan_battery(modality: Modality, degradations: Sequence[Degradation] = ()) -> list[Condition]:
    """Return the conditions of a battery, real first.

    Args:
        modality: Modality of the classifier: without audio there are no audio modes, without
            frames no frame modes.
        degradations: Degradations, each with real and with null audio.
    """
    audio = [Condition(audio=mode) for mode in BATTERY_AUDIO] if modality != "v" else [CLEAN]
    frames = [Condition(frames=mode) for mode in BATTERY_FRAMES] if modality != "a" else []
    both = [NEITHER] if modality == "av" else []
    pairs = [curve_conditions(each) for each in degradations]
    degraded = [each for pair in pairs for each in pair if modality != "v" or each == pair[0]]
    return list(dict.fromkeys([*audio, *frames, *both, *degraded]))


def run_battery(
    conditions: Sequence[Condition],
    clips: ClipAudio,
    score: Score,
    *,
    seed: int,
    report: Reporter,
) -> tuple[Outcomes, EvalScores]:
    """Score all conditions that the clips allow; the others are reported and named as missing.

    Args:
        conditions: Conditions, `CLEAN` among them.
        clips: Audio of the clips.
        score: Scores the clips.
        seed: Seed of permutations, donors, noise and degradations.
        report: Receives the conditions that are missing.

    Returns:
        Outcomes, and the scores of the clips as they are.

    Raises:
        ValueError: `CLEAN` is not among the conditions.
    """
    sources: dict[Condition, AudioSource] = {}
    missing: dict[Condition, str] = {}
    for condition in conditions:
        try:
            mode, degradation = condition.audio_change
            sources[condition] = audio_source(mode, clips, seed, degradation)
        except UsageError as error:
            missing[condition] = str(error)
            report.log(f"{condition} is left out: {error}")
    real: EvalScores | None = None
    predicted: dict[Condition, np.ndarray] = {}
    correct: dict[Condition, np.ndarray] = {}
    for change in dict.fromkeys(condition.frame_change for condition in sources):
        together = [condition for condition in sources if condition.frame_change == change]
        frames, degradation = change
        scored = score(
            [sources[condition] for condition in together],
            frame_source(frames, clips.reader, seed, degradation),
            f"frames {degradation or frames}, audio modes: {len(together)}",
        )
        for condition, found in zip(together, scored, strict=True):  # probabilities are not stored
            predicted[condition] = found.probability.argmax(axis=1)
            correct[condition] = found.correct(1)
            real = found if condition == CLEAN else real
    if real is None:
        raise ValueError(f"the conditions of a battery include {CLEAN}")
    entries, order = clips.reader.entries, [each for each in conditions if each in correct]
    outcomes = Outcomes(
        label=np.array([entry.label for entry in entries], dtype=np.int64),
        predicted={each: predicted[each] for each in order},
        correct={each: correct[each] for each in order},
        audible=has_audio(entries),
        groups=Groups([entry.group for entry in entries]),
        owner={
            each: audio_owners(each.audio, entries, seed) for each in EXCHANGES if each in correct
        },
        missing=missing,
    )
    return outcomes, real
