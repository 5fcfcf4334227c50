"""Axes of the charts of a report, as SVG that takes its colors from the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from avme.report.html import Markup, element, join

COLORS: Final = 8
"""Number of line colors of the page's style."""
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Axes:
    """Rectangle of a chart and its scales."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 560
    height: int = 300
    left: int = 52
    right: int = 20
    top: int = 10
    bottom: int = 40

    def across(self, value: float) -> float:
        """Return the horizontal place of a value in pixels."""
        low, high = self.x
        share = (value - low) / (high - low or 1.0)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def up(self, value: float) -> float:
        """Return the vertical place of a value in pixels."""
        low, high = self.y
        share = (value - low) / (high - low or 1.0)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def frame(self, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> Markup:
        """Return grid lines, ticks and labels.

        Args:
            x_label: Label of the horizontal axis.
            y_label: Label of the vertical axis.
            x_ticks: Values with a tick; None chooses them.
        """
        floor, ceiling = self.height - self.bottom, self.top
        parts = []
        for value in ticks(*self.y):
            at = self.up(value)
            parts.append(
                element(
                    "line", x1=self.left, x2=self.width - self.right, y1=at, y2=at, class_="grid"
                )
            )
            parts.append(
                element("text", f"{value:g}", x=self.left - 6, y=at + 4, class_="tick end")
            )
        for value in ticks(*self.x) if x_ticks is None else x_ticks:
            at = self.across(value)
            parts.append(element("line", x1=at, x2=at, y1=floor, y2=floor + 4, class_="axis"))
            parts.append(element("text", f"{value:g}", x=at, y=floor + 17, class_="tick middle"))
        middle = (self.left + self.width - self.right) / 2
        parts.append(element("text", x_label, x=middle, y=self.height - 5, class_="label middle"))
        turned = f"rotate(-90 12 {(floor + ceiling) / 2:g})"
        parts.append(
            element(
                "text",
                y_label,
                x=12,
                y=(floor + ceiling) / 2,
                transform=turned,
                class_="label middle",
            )
        )
        parts.append(
            element(
                "line", x1=self.left, x2=self.width - self.right, y1=floor, y2=floor, class_="axis"
            )
        )
        return join(*parts)


def ticks(low: float, high: float) -> list[float]:
    """Return round values from `low` to `high`, about five."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def picture(axes: Axes, title: str, *content: Markup) -> Markup:
    """Return the SVG of a chart.

    Args:
        axes: Axes.
        title: Text for screen readers.
        content: Elements of the chart.
    """
    return element(
        "svg",
        element("title", title),
        *content,
        viewBox=f"0 0 {axes.width} {axes.height}",
        role="img",
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
    )


def legend(names: Sequence[str]) -> Markup:
    """Return a legend below a chart, in the order of its lines."""
    if len(names) < 2:
        return Markup("")
    keys = (
        element("li", element("span", class_=f"key c{at % COLORS}"), " ", name)
        for at, name in enumerate(names)
    )
    return element("ul", *keys, class_="legend")


def figure(caption: str, *content: Markup) -> Markup:
    """Return a figure with its caption."""
    return element("figure", *content, element("figcaption", caption))
