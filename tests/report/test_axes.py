"""Scales and ticks of charts."""

import pytest

from avme.report.axes import Axes, legend, ticks


def test_axes_map_ends_to_the_edges_of_the_frame() -> None:
    axes = Axes((0.0, 10.0), (-1.0, 1.0))

    assert (axes.across(0.0), axes.across(10.0)) == (axes.left, axes.width - axes.right)
    assert (axes.up(-1.0), axes.up(1.0)) == (axes.height - axes.bottom, axes.top)
    assert axes.across(5.0) == (axes.left + axes.width - axes.right) / 2


def test_axes_of_one_value_stay_finite() -> None:
    assert Axes((3.0, 3.0), (0.0, 0.0)).across(3.0) == 52


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 990.0, [0.0, 200.0, 400.0, 600.0, 800.0]),
        (-0.13, 0.02, [-0.1, -0.05, 0.0]),
        (2.0, 2.0, [2.0]),
        (0.0, float("inf"), [0.0]),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_legend_is_left_out_for_one_line() -> None:
    assert legend(["a"]) == ""
    assert legend(["<a>", "b"]).count("&lt;a&gt;") == 1
