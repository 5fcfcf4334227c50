import numpy as np
import pytest

from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO, Condition, Outcomes
from avme.evaluation.controls.degradation_curves import degraded, measure_curve
from avme.evaluation.intervals import Groups
from tests.evaluation.controls.outcomes import CLASSES, GROUP, LABEL, N

LEVELS = range(6)


def outcomes_of(real: list[float], null: list[float]) -> Outcomes:
    """Return outcomes with these accuracies at severities 0 to 5, of equally easy clips."""
    ease = np.random.default_rng(0).random(N)
    accuracy = {degraded("blur", level, audio=True): real[level] for level in LEVELS}
    accuracy |= {degraded("blur", level, audio=False): null[level] for level in LEVELS}
    correct = {each: ease < rate for each, rate in accuracy.items()}
    return Outcomes(
        label=LABEL,
        predicted={each: np.where(r, LABEL, (LABEL + 1) % CLASSES) for each, r in correct.items()},
        correct=correct,
        audible=np.ones(N, bool),
        groups=Groups(GROUP),
    )


def test_degraded_severity_zero_is_the_clean_condition() -> None:
    assert degraded("blur", 0, audio=True) == CLEAN
    assert degraded("blur", 0, audio=False) == NO_AUDIO
    assert str(degraded("blur", 3, audio=False)) == "audio null, blur=3"


def test_measure_curve_of_audio_that_helps_on_bad_frames_has_area_and_growth() -> None:
    outcomes = outcomes_of([0.9, 0.88, 0.86, 0.84, 0.82, 0.8], [0.88, 0.8, 0.7, 0.6, 0.5, 0.4])

    curve = measure_curve(outcomes, "blur", (1, 2, 3, 4, 5), of_audio=False)

    assert curve is not None
    for name in ("real", "null"):
        found = [each.mean for each in getattr(curve, name)]
        expected = [
            outcomes.correct[degraded("blur", level, audio=name == "real")].mean()
            for level in LEVELS
        ]
        assert found == pytest.approx(expected)
    gains = [r.mean - n.mean for r, n in zip(curve.real, curve.null, strict=True)]
    assert [each.mean for each in curve.gain] == pytest.approx(gains)
    assert curve.area.mean == pytest.approx(np.mean(gains[1:]))
    assert curve.growth.mean == pytest.approx(np.mean(gains[1:]) - gains[0])
    assert curve.growth.low > 0
    assert curve.as_record()["severities"] == [0, 1, 2, 3, 4, 5]


def test_measure_curve_of_equal_accuracies_has_no_area() -> None:
    curve = measure_curve(
        outcomes_of([0.8] * 6, [0.8] * 6), "blur", (1, 2, 3, 4, 5), of_audio=False
    )

    assert curve is not None
    assert curve.area.mean == 0
    assert curve.area.low < 0 < curve.area.high


def test_measure_curve_of_degraded_audio_is_compared_with_one_null() -> None:
    full = outcomes_of([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.5, 0, 0, 0, 0, 0])
    without = {str(degraded("blur", level, audio=False)) for level in LEVELS[1:]}
    correct = {each: r for each, r in full.correct.items() if str(each) not in without}
    outcomes = type(full)(**{**vars(full), "correct": correct})

    assert measure_curve(outcomes, "blur", (1, 2), of_audio=False) is None
    curve = measure_curve(outcomes, "blur", (1, 2), of_audio=True)

    assert curve is not None
    assert [each.mean for each in curve.null] == [float(full.correct[NO_AUDIO].mean())] * 3


def test_measure_curve_without_a_severity_is_none() -> None:
    full = outcomes_of([0.9] * 6, [0.5] * 6)
    correct = {each: right for each, right in full.correct.items() if each != CLEAN}

    assert Condition(degradation="blur=1") in correct
    assert (
        measure_curve(
            type(full)(**{**vars(full), "correct": correct}), "blur", (1,), of_audio=False
        )
        is None
    )
