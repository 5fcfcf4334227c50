"""Charts draw every line, thinned to what a screen shows."""

import re

import pytest

from avme.report.curves import degradation_chart, interval_chart, line_chart, thinned
from tests.report_files import controls


def coordinates(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", path)]


def test_line_chart_draws_lines_in_proportion() -> None:
    chart = line_chart("Loss", {"a": [(0.0, 1.0), (10.0, 2.0)], "b": []}, "step", "loss")

    path = re.search(r'<path d="([^"]+)"|d="([^"]+)" class="line c0"', chart)
    assert path is not None
    x0, y0, x1, y1 = coordinates(path[1] or path[2])
    assert (x0, x1) == (52.0, 540.0)
    floor = 260.0
    assert (floor - y1) == pytest.approx(2 * (floor - y0), abs=0.2)
    assert chart.count("<circle") == 2  # few points are dots
    assert "<ul" not in chart


def test_line_chart_without_points_is_empty() -> None:
    assert line_chart("Loss", {"a": []}, "step", "loss") == ""


def test_thinned_points_are_means_of_neighbors() -> None:
    points = [(float(n), float(n % 2)) for n in range(1200)]

    kept = thinned(points, 300)

    assert len(kept) == 300
    assert kept[0] == (1.5, 0.5)
    assert thinned(points[:300], 300) == points[:300]


def test_degradation_chart_has_a_band_and_a_line_for_each_audio() -> None:
    chart = degradation_chart(controls()["degradation"][0])

    assert chart.count('class="band') == chart.count('class="line') == 2
    assert "mean gain of audio over severities 1 to 2: +10.0 points (-5.0 to +30.0)" in chart


def test_interval_chart_draws_zero_and_each_interval() -> None:
    chart = interval_chart("Less", [("a", -2.0, -4.0, 1.0), ("b", 0.0, 0.0, 0.0)], "points")

    assert chart.count('class="whisker"') == chart.count('class="dot"') == 2
    assert "a: -2.0 (-4.0 to +1.0)" in chart
    assert interval_chart("Less", [], "points") == ""


def test_interval_chart_of_a_long_name_has_room_for_it() -> None:
    name = "audio shuffle-within-class"

    chart = interval_chart("Less", [(name, -2.0, -4.0, 1.0)], "points")

    label = re.search(rf'<text x="([0-9.]+)"[^>]*>{name}</text>', chart)
    assert label is not None
    assert float(label[1]) >= 0.5 * 17 * len(name)  # half an em of the 17 px on a phone
