import numpy as np
import pytest

from avme.evaluation.controls.attribution import (
    modality_confusion,
    perceptual_scores,
    shapley_values,
)
from avme.evaluation.controls.conditions import (
    CLEAN,
    NEITHER,
    NO_AUDIO,
    NO_FRAMES,
    SHUFFLE,
    Condition,
    Outcomes,
)
from avme.evaluation.controls.donors import derange
from tests.evaluation.controls.outcomes import CLASSES, GROUP, LABEL, N, draw_outcomes

AUDIBLE = np.arange(N) // 6 % 3 != 0


@pytest.fixture
def outcomes() -> Outcomes:
    """Independent outcomes under every condition."""
    drawn = draw_outcomes(lambda condition: 0.5, AUDIBLE)
    draw = np.random.default_rng(1)
    predicted = {
        condition: np.where(draw.random(N) < rate, LABEL, draw.integers(CLASSES, size=N))
        for condition, rate in zip(
            drawn.predicted, np.linspace(0.9, 0.3, len(drawn.predicted)), strict=True
        )
    }
    correct = {condition: each == LABEL for condition, each in predicted.items()}
    return type(drawn)(**{**vars(drawn), "predicted": predicted, "correct": correct})


def test_shapley_values_sum_to_the_gain_over_no_input(outcomes: Outcomes) -> None:
    found = shapley_values(outcomes)

    assert found is not None
    av, v, a, none = (
        outcomes.correct[each][AUDIBLE].mean() for each in (CLEAN, NO_AUDIO, NO_FRAMES, NEITHER)
    )
    assert found["frames"]["mean"] + found["audio"]["mean"] == pytest.approx(av - none)
    assert found["gain"]["mean"] == pytest.approx(av - none)
    # both orders in which two players can join, averaged
    assert found["frames"]["mean"] == pytest.approx(((v - none) + (av - a)) / 2)
    assert found["audio"]["mean"] == pytest.approx(((a - none) + (av - v)) / 2)
    assert found["cooperation"]["mean"] == pytest.approx(av - v - a + none)
    assert found["absent"] == {"audio": "null", "frames": "blank"}
    assert found["accuracy"] == pytest.approx({"av": av, "v": v, "a": a, "none": none})


def test_shapley_values_of_a_classifier_without_audio_are_those_of_frames_alone() -> None:
    found = shapley_values(
        draw_outcomes(lambda condition: 0.2 if condition.frames.kind == "blank" else 0.8)
    )

    assert found is not None
    assert found["audio"]["mean"] == 0.0
    assert found["frames"]["mean"] == pytest.approx(found["gain"]["mean"])


def test_perceptual_scores_permute_one_modality_each(outcomes: Outcomes) -> None:
    found = perceptual_scores(outcomes)

    assert found is not None
    owner, predicted = outcomes.owner[SHUFFLE], outcomes.predicted[SHUFFLE]
    clips = np.flatnonzero(AUDIBLE)
    real = outcomes.correct[CLEAN][clips].mean()
    frames_label = np.mean([predicted[clip] == LABEL[clip] for clip in clips])
    audio_label = np.mean([predicted[clip] == LABEL[owner[clip]] for clip in clips])
    assert found["audio"]["mean"] == pytest.approx(real - frames_label)
    assert found["frames"]["mean"] == pytest.approx(real - audio_label)
    assert found["frames"]["share_of_accuracy"] == pytest.approx((real - audio_label) / real)
    assert found["frames"]["n"] == len(clips)


def test_perceptual_scores_of_a_classifier_that_follows_the_audio_are_of_audio_alone() -> None:
    drawn = draw_outcomes(lambda condition: 1.0)
    owner = derange(GROUP, np.ones(N, bool), 0)
    predicted = {**drawn.predicted, SHUFFLE: LABEL[owner]}
    correct = {condition: each == LABEL for condition, each in predicted.items()}

    found = perceptual_scores(
        type(drawn)(**{**vars(drawn), "predicted": predicted, "correct": correct})
    )

    assert found is not None
    assert found["frames"]["mean"] == 0.0
    assert found["audio"]["mean"] > 0.5


def test_modality_confusion_counts_clips_that_one_modality_alone_has_right(
    outcomes: Outcomes,
) -> None:
    found = modality_confusion(outcomes)

    assert found is not None
    clips = np.flatnonzero(AUDIBLE)
    rows = [
        [bool(outcomes.correct[each][clip]) for each in (CLEAN, NO_AUDIO, NO_FRAMES)]
        for clip in clips
    ]
    wrong = [(v, a) for av, v, a in rows if not av]
    assert found["v"]["mean"] == pytest.approx(sum(v for v, _ in wrong) / len(clips))
    assert found["a"]["mean"] == pytest.approx(sum(a for _, a in wrong) / len(clips))
    assert found["both"]["mean"] == pytest.approx(sum(v and a for v, a in wrong) / len(clips))
    assert found["either"]["mean"] == pytest.approx(sum(v or a for v, a in wrong) / len(clips))


def test_modality_confusion_that_never_occurs_has_no_negative_limit() -> None:
    found = modality_confusion(draw_outcomes(lambda condition: 0.8))

    assert found is not None
    low, high = found["v"]["interval"]
    assert low == found["v"]["mean"] == 0.0 < high


@pytest.mark.parametrize(
    ("function", "lacking"),
    [(perceptual_scores, SHUFFLE), (shapley_values, NEITHER), (modality_confusion, NO_FRAMES)],
)
def test_attribution_without_a_condition_is_none(function: object, lacking: Condition) -> None:
    assert callable(function)
    assert function(draw_outcomes(lambda condition: 0.5, only={lacking: "left out"})) is None
    assert function(draw_outcomes(lambda condition: 0.5)) is not None
