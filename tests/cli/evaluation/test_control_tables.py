from typing import Any

import numpy as np
import pytest

from avme.corruptions.degradation import parse_degradation
from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO
from avme.evaluation.controls.degradation_curves import curve_conditions, measure_curves
from avme.evaluation.controls.files import summarize_controls
from avme_cli.evaluation.control_tables import print_control_runs, print_controls
from tests.evaluation.controls.outcomes import N, draw_outcomes

AUDIBLE = np.arange(N) // 6 % 2 == 0
JPEG = parse_degradation("jpeg")


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]


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
    assert any(row[1:2] == [f"{null:.2f}"] for row in cells(printed))
    assert "in points, paired by clip" in printed
    assert "does audio help? yes. Audio helps" in printed
    assert f"{real - null:+.1f} points" in printed
    assert "does motion matter? " in printed
    for name in (
        "Shapley values: frames ",
        "permuted across clips: frames ",
        "frames alone 0.0 (0.0 to ",
    ):
        assert name in printed
    widths = {len(line) for line in printed.splitlines() if line.startswith(("┃", "│"))}
    assert max(widths) <= 80
    assert "…" not in printed
    assert "│ audio shuffle-within-class │" in printed  # on one line


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
    real, null = (100 * correct[each].mean() for each in (CLEAN, NO_AUDIO))
    rows = cells(printed)
    for name in ("clean", "jpeg=1", "jpeg=5"):
        row = next(row for row in rows if row[:1] == [name])
        assert row[1:4] == [f"{real:.2f}", f"{null:.2f}", f"{real - null:+.2f}"]
    assert sum(row[:1] == ["jpeg=3"] for row in rows) == 1
    mean, growth = (next(row for row in rows if row[:1] == [name]) for name in ("mean", "growth"))
    assert (mean[3], growth[3]) == (f"{real - null:+.2f}", "+0.00")
    assert "gain: real audio less null audio, in points" in printed
    assert "…" not in printed


def test_print_control_runs_prints_means_and_the_verdict_of_each_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = {"mean": 0.5, "deviation": 0.0125}

    def row(condition: str, degradation: str = "") -> dict[str, Any]:
        names = {"condition": condition, "degradation": degradation, "clips": "all"}
        return names | {"top1": figure, "difference": figure}

    curve = {name: [figure, figure] for name in ("real", "null", "gain")}
    print_control_runs(
        {
            "runs": 2,
            "verdict": {"audio_gain": ["yes", "cannot tell"]},
            "table": [row("real"), row("audio null"), row("jpeg=3", "jpeg=3")],
            "degradation": [
                {"kind": "jpeg", "severities": [0, 3], **curve, "area": figure, "growth": figure}
            ],
        }
    )

    printed = capsys.readouterr().out
    rows = cells(printed)
    assert ["real", "50.00 ± 1.25", ""] in rows
    assert ["audio null", "50.00 ± 1.25", "+50.00 ± 1.25"] in rows
    assert ["jpeg=3", "50.00 ± 1.25", "50.00 ± 1.25", "+50.00 ± 1.25"] in rows
    assert "does audio help? yes; cannot tell (in the order of the runs)" in printed.splitlines()
