"""Verdicts on classifiers whose use of the input is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avme.evaluation.controls.conditions import CLEAN, SHUFFLE, Condition
from avme.evaluation.controls.mode_names import REAL
from avme.evaluation.controls.verdicts import (
    MOTION,
    judge,
    judge_audio_gain,
    judge_content,
    judge_motion,
    judge_presence,
)
from tests.evaluation.controls.outcomes import N, draw_outcomes

HALF_AUDIBLE = np.arange(N) // 6 % 2 == 0


def by_mode(real: float, default: float, **audio: float) -> Callable[[Condition], float]:
    """Return accuracies by kind of audio; `default` for other audio, 0.2 for blank frames."""

    def accuracy(condition: Condition) -> float:
        if condition.frames.kind == "blank":
            return 0.2
        kind = condition.audio.kind.replace("-", "_")
        return audio.get(kind, real if kind == REAL else default)

    return accuracy


def words(accuracy: Callable[[Condition], float], audible: np.ndarray | None = None) -> list[str]:
    found = judge(draw_outcomes(accuracy, audible))
    return [found[key].verdict for key in ("audio_gain", "content", "class_only", "timing")]


def test_judge_audio_of_the_class_is_content_that_any_clip_of_the_class_gives() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.6, silence=0.6, shuffle=0.5, shuffle_within_class=0.9)

    assert words(accuracy) == ["yes", "yes", "yes", "no"]


def test_judge_audio_of_the_clip_is_content_that_its_class_does_not_give() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.6, shuffle=0.5, shuffle_within_class=0.55)

    assert words(accuracy) == ["yes", "yes", "no", "no"]


def test_judge_audio_in_time_needs_no_offset() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.5, shuffle=0.5, shuffle_within_class=0.6, offset=0.4)

    assert words(accuracy)[3] == "yes"


def test_judge_presence_alone_is_unmasked() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.4, presence_swap=0.3)

    found = judge(draw_outcomes(accuracy, HALF_AUDIBLE))

    assert {key: each.verdict for key, each in found.items() if key != "motion"} == {
        "audio_gain": "yes",
        "content": "no",
        "class_only": "no",
        "timing": "no",
        "presence": "yes",
    }
    assert "presence of audio" in found["presence"].words
    assert "presence-swap, all clips: +" in found["presence"].words


def test_judge_effect_of_all_clips_is_at_most_one() -> None:
    found = judge(draw_outcomes(by_mode(1.0, 1.0, null=0.0, presence_swap=0.0), HALF_AUDIBLE))

    for key in ("audio_gain", "presence"):
        effect = found[key].effect
        assert effect is not None
        assert 0.9 < effect.low < effect.mean == effect.high == 1.0
    assert found["presence"].words.count(" to +100.0, n") == 2


def test_judge_presence_of_a_classifier_that_uses_content_is_no() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.6, shuffle=0.6, shuffle_within_class=0.9)

    assert judge_presence(draw_outcomes(accuracy, HALF_AUDIBLE)).verdict == "no"


def test_judge_preference_for_classes_with_audio_is_no_gain_where_all_clips_hear_audio() -> None:
    found = draw_outcomes(by_mode(0.5, 0.5), HALF_AUDIBLE)
    ease = np.random.default_rng(1).random(N)
    # real audio only moves guesses to the classes with audio
    correct = {**found.correct, CLEAN: ease < np.where(HALF_AUDIBLE, 0.7, 0.3)}
    biased = replace(found, correct=correct)

    assert judge_audio_gain(biased).verdict == "yes"
    donated = judge(replace(biased, heard=np.ones(N, bool)))

    assert donated["audio_gain"].verdict == "cannot tell"
    assert donated["audio_gain"].as_record()["n"] == N
    assert donated["presence"].verdict == "not measured"


def test_judge_presence_that_is_the_smaller_part_of_the_gain_is_no() -> None:
    accuracy = by_mode(0.9, 0.9, null=0.3, shuffle=0.42, shuffle_within_class=0.9)

    found = judge_presence(draw_outcomes(accuracy, HALF_AUDIBLE))

    assert found.verdict == "no"
    assert found.effect is not None
    assert found.effect.low > 0


def test_judge_presence_where_all_clips_have_audio_is_not_measured() -> None:
    found = judge_presence(draw_outcomes(by_mode(0.9, 0.5)))

    assert found.verdict == "not measured"
    assert "All clips have audio" in found.words


def test_judge_audio_without_any_effect_is_no_where_the_list_is_large_enough() -> None:
    found = judge(draw_outcomes(by_mode(0.8, 0.8)))

    # 100 groups without a change leave room for 3.7 points, more than the 2 that count
    assert found["audio_gain"].verdict == "cannot tell"
    assert found["content"].verdict == "cannot tell"


def test_judge_effect_that_was_never_seen_is_not_small_in_a_short_list() -> None:
    outcomes = draw_outcomes(by_mode(0.6, 0.6, null=0.4))
    few = np.arange(N) < 60  # ten groups leave room for 28 points, half of the gain is 10
    short = type(outcomes)(**{**vars(outcomes), "audible": few})

    assert judge_content(outcomes).verdict == "no"
    assert judge_content(short).verdict == "cannot tell"


def test_judge_audio_that_harms_is_no() -> None:
    found = judge_audio_gain(draw_outcomes(by_mode(0.5, 0.5, null=0.8)))

    assert found.verdict == "no"
    assert found.words.startswith("Audio harms")


@pytest.mark.parametrize("kind", ["static", "shuffle", "reverse"])
def test_judge_motion_is_seen_by_any_of_the_frame_modes(kind: str) -> None:
    def accuracy(condition: Condition) -> float:
        return {kind: 0.6, "blank": 0.2}.get(condition.frames.kind, 0.9)

    found = judge_motion(draw_outcomes(accuracy))

    assert found.verdict == "yes"
    assert f"{kind} +3" in found.words  # 30 points


def test_judge_motion_without_effect_is_no_and_mean_does_not_decide() -> None:
    def accuracy(condition: Condition) -> float:
        return {"blank": 0.2, "mean": 0.3}.get(condition.frames.kind, 0.9)

    assert judge_motion(draw_outcomes(accuracy)).verdict == "no"


def test_judge_missing_conditions_are_not_measured_with_the_reason() -> None:
    missing = {SHUFFLE: "shuffle: one group", MOTION[0]: "the classifier uses no frames"}

    found = judge(draw_outcomes(by_mode(0.9, 0.5), only=missing))

    assert found["content"].as_record() == {
        "verdict": "not measured",
        "words": "shuffle: one group.",
        "difference": None,
        "interval": None,
        "n": 0,
    }
    assert found["motion"].words == "the classifier uses no frames."


def test_judge_a_list_without_audio_measures_motion_only() -> None:
    outcomes = draw_outcomes(by_mode(0.9, 0.9), HALF_AUDIBLE)
    silent = type(outcomes)(**{**vars(outcomes), "audible": np.zeros(N, bool)})

    found = judge(silent)

    assert found["audio_gain"].words == "No clip of the list has audio."
    assert [key for key, each in found.items() if each.verdict != "not measured"] == ["motion"]


def test_judge_effect_is_the_difference_on_clips_with_audio() -> None:
    outcomes = draw_outcomes(by_mode(0.9, 0.9, null=0.6), HALF_AUDIBLE)

    record = judge_audio_gain(outcomes).as_record()

    null = next(each for each in outcomes.correct if str(each) == "audio null")
    real = next(each for each in outcomes.correct if str(each) == "real")
    right = (
        outcomes.correct[real][HALF_AUDIBLE].mean() - outcomes.correct[null][HALF_AUDIBLE].mean()
    )
    assert record["difference"] == pytest.approx(right)
    assert record["interval"][0] < right < record["interval"][1]
    assert record["n"] == HALF_AUDIBLE.sum()
