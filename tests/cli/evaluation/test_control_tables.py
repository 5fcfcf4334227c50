import numpy as np
import pytest

from avme.corruptions.degradation import parse_degradation
from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO
from avme.evaluation.controls.degradation_curves import curve_conditions, measure_curves
from avme.evaluation.controls.files import summarize_controls
from avme_cli.evaluation.control_tables import print_controls
from tests.evaluation.controls.outcomes import N, draw_outcomes

AUDIBLE = np.arange(N) // 6 % 2 == 0
JPEG = parse_degradation("jpeg")


def test_print_controls_prints_tables_verdicts_and_shares(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcomes = draw_outcomes(lambda condition: 0.5 if condition == NO_AUDIO else 0.8, AUDIBLE)

    print_controls(summarize_controls(outcomes))

    printed = capsys.readouterr().out
    for name in ("all, n = 600", "with audio, n = 300", "without audio, n = 300"):
        assert name in printed
    assert printed.count("audio presence-swap") == 3
    real, null = (100 * outcomes.correct[each][AUDIBLE].mean() for each in (CLEAN, NO_AUDIO))
    assert f"{null:.2f} %" in printed
    assert "does audio help? yes. Audio helps" in printed
    assert f"{real - null:+.1f} points" in printed
    assert "does motion matter? " in printed
    assert "Shapley values: frames " in printed
    assert "perceptual score: frames " in printed


@pytest.mark.slow
def test_print_controls_prints_curves_in_place_of_degraded_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = draw_outcomes(lambda condition: 0.5 if condition == NO_AUDIO else 0.8)
    degraded = [each for one in JPEG for each in curve_conditions(one)]
    correct = dict(drawn.correct)
    for each in degraded:
        correct[each] = drawn.correct[CLEAN if each.audio == CLEAN.audio else NO_AUDIO]
    outcomes = type(drawn)(**{**vars(drawn), "correct": correct})

    print_controls(summarize_controls(outcomes, measure_curves(outcomes, JPEG)))

    printed = capsys.readouterr().out
    assert "jpeg=3" not in printed
    gain = 100 * (correct[CLEAN].mean() - correct[NO_AUDIO].mean())
    assert f"jpeg: mean gain of audio {gain:+.2f} " in printed
    assert "more than on clean clips +0.00" in printed
