"""Battery of controls: its conditions, and the outcomes of all clips under each.

Conditions with the same frames are scored together: one decoding and one encoding of a clip's
frames serve all audio of it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from avme.corruptions.degradation import Degradation
from avme.data.clip_reader import ClipReader
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
    scores: dict[Condition, EvalScores] = {}
    for change in dict.fromkeys(condition.frame_change for condition in sources):
        together = [condition for condition in sources if condition.frame_change == change]
        frames, degradation = change
        title = f"frames {degradation or frames}, {len(together)} audio"
        found = score(
            [sources[condition] for condition in together],
            frame_source(frames, clips.reader, seed, degradation),
            title,
        )
        scores |= dict(zip(together, found, strict=True))
    return collect_outcomes(scores, clips.reader, missing, seed), scores[CLEAN]


def collect_outcomes(
    scores: Mapping[Condition, EvalScores],
    reader: ClipReader,
    missing: Mapping[Condition, str],
    seed: int,
) -> Outcomes:
    """Return the outcomes of scored conditions.

    Args:
        scores: Scores of each condition.
        reader: Reader of the clips.
        missing: Conditions without scores, with the reason.
        seed: Seed of the permutations.
    """
    entries = reader.entries
    return Outcomes(
        label=np.array([entry.label for entry in entries], dtype=np.int64),
        predicted={each: found.probability.argmax(axis=1) for each, found in scores.items()},
        correct={each: found.correct(1) for each, found in scores.items()},
        audible=has_audio(entries),
        groups=Groups([entry.group for entry in entries]),
        owner={
            each: audio_owners(each.audio, entries, seed) for each in EXCHANGES if each in scores
        },
        missing=missing,
    )
