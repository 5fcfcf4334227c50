import numpy as np
import pytest

from avme.corruptions.degradation import Degradation, parse_degradation
from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO, Outcomes
from avme.evaluation.controls.degradation_curves import (
    curve_conditions,
    measure_curve,
    measure_curves,
    panel_of,
)
from avme.evaluation.intervals import Groups
from tests.evaluation.controls.outcomes import CLASSES, GROUP, LABEL, N

JPEG = parse_degradation("jpeg")
LOW_PASS = parse_degradation("low-pass")


def outcomes_of(
    real: list[float], null: list[float], degradations: tuple[Degradation, ...] = JPEG
) -> Outcomes:
    """Return outcomes with these accuracies at severities 0 to 5, of equally easy clips."""
    ease = np.random.default_rng(0).random(N)
    correct = {}
    for each, with_audio, without in zip((None, *degradations), real, null, strict=True):
        pair = curve_conditions(each)
        correct[pair[0]] = ease < with_audio
        correct.setdefault(pair[1], ease < without)
    return Outcomes(
        label=LABEL,
        predicted={each: np.where(r, LABEL, (LABEL + 1) % CLASSES) for each, r in correct.items()},
        correct=correct,
        audible=np.ones(N, bool),
        groups=Groups(GROUP),
    )


def test_curve_conditions_of_severity_zero_are_the_clean_ones() -> None:
    assert curve_conditions(None) == (CLEAN, NO_AUDIO)
    assert list(map(str, curve_conditions(JPEG[2]))) == ["jpeg=3", "audio null, jpeg=3"]


def test_curve_conditions_of_audio_have_one_null() -> None:
    assert list(map(str, curve_conditions(LOW_PASS[0]))) == ["low-pass=1", "audio null"]


def test_measure_curve_of_audio_that_helps_on_bad_frames_has_area_and_growth() -> None:
    outcomes = outcomes_of([0.9, 0.88, 0.86, 0.84, 0.82, 0.8], [0.88, 0.8, 0.7, 0.6, 0.5, 0.4])

    curve = measure_curve(outcomes, JPEG)

    assert curve is not None
    for name, one in (("real", 0), ("null", 1)):
        expected = [outcomes.correct[curve_conditions(each)[one]].mean() for each in (None, *JPEG)]
        assert [each.mean for each in getattr(curve, name)] == pytest.approx(expected)
    gains = [r.mean - n.mean for r, n in zip(curve.real, curve.null, strict=True)]
    assert [each.mean for each in curve.gain] == pytest.approx(gains)
    assert curve.area.mean == pytest.approx(np.mean(gains[1:]))
    assert curve.growth.mean == pytest.approx(np.mean(gains[1:]) - gains[0])
    assert curve.growth.low > 0
    assert curve.as_record()["severities"] == [0, 1, 2, 3, 4, 5]


def test_measure_curve_of_equal_accuracies_has_no_area() -> None:
    curve = measure_curve(outcomes_of([0.8] * 6, [0.8] * 6), JPEG)

    assert curve is not None
    assert curve.area.mean == 0
    assert curve.area.low < 0 < curve.area.high


def test_measure_curve_of_degraded_audio_is_compared_with_one_null() -> None:
    outcomes = outcomes_of([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.5] * 6, LOW_PASS)

    curve = measure_curve(outcomes, LOW_PASS)

    assert curve is not None
    assert len(outcomes.correct) == 7
    assert [each.mean for each in curve.null] == [float(outcomes.correct[NO_AUDIO].mean())] * 6


def test_measure_curves_orders_severities_and_leaves_out_what_was_not_measured() -> None:
    outcomes = outcomes_of([0.9] * 6, [0.5] * 6)

    (curve,) = measure_curves(outcomes, [JPEG[4], JPEG[0], *LOW_PASS])

    assert curve.severities == (0, 1, 5)
    assert curve.kind == "jpeg"


def test_panel_of_a_curve_has_its_accuracies_within_possible_values() -> None:
    curve = measure_curve(outcomes_of([1.0] * 6, [0.0] * 6), JPEG)
    assert curve is not None

    panel = panel_of(curve)

    assert panel.severities == (0, 1, 2, 3, 4, 5)
    assert panel.real.mean.tolist() == [1.0] * 6
    assert panel.real.high.max() == 1.0
    assert panel.null.low.min() == 0.0
    assert panel.note.startswith("mean gain of audio +100.0 (")
