"""Charts of numbers by step or severity: training curves and degradation curves."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from avme.report.axes import COLORS, Axes, figure, legend, picture, ticks
from avme.report.html import Markup, element, join

_MOST_POINTS: Final = 300
_MOST_DOTS: Final = 12
"""Points of a line up to which each has a dot."""
_PLOT_WIDTH: Final = 390
_LETTER_WIDTH: Final = 9
"""Width of a letter on a phone, where the letters of charts are largest."""
Points = Sequence[tuple[float, float]]


def line_chart(caption: str, lines: Mapping[str, Points], x_label: str, y_label: str) -> Markup:
    """Return a chart of lines; empty without points.

    A line of very many points is shown by the mean of neighbors.

    Args:
        caption: Caption.
        lines: Points of each line, by name.
        x_label: Label of the horizontal axis.
        y_label: Label of the vertical axis.
    """
    drawn = {name: thinned(points) for name, points in lines.items() if points}
    if not drawn:
        return Markup("")
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    axes = Axes((min([*xs, 0.0]), max(xs)), (min([*ys, 0.0]), max(ys) * 1.05 or 1.0))
    marks = [
        _line(axes, points, f"line c{at % COLORS}", f"{name}: last {points[-1][1]:.4g}")
        for at, (name, points) in enumerate(drawn.items())
    ]
    chart = picture(axes, caption, axes.frame(x_label, y_label), *marks)
    return figure(caption, chart, legend(list(drawn)))


def thinned(points: Points, most: int = _MOST_POINTS) -> Points:
    """Return at most `most` points: means of equally many neighbors."""
    if len(points) <= most:
        return points
    size = -(-len(points) // most)
    parts = (points[at : at + size] for at in range(0, len(points), size))
    return [
        (sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts
    ]


def degradation_chart(curve: Mapping[str, Any]) -> Markup:
    """Return top-1 with real and with null audio by severity, with intervals, and the gain."""
    severities = [float(each) for each in curve["severities"]]
    names = {"real": "real audio", "null": "null audio"}
    highest = max(each["interval"][1] for key in names for each in curve[key])
    axes = Axes((0.0, max(severities)), (0.0, min(1.0, highest * 1.05) * 100))
    marks = []
    for at, (key, name) in enumerate(names.items()):
        found = curve[key]
        upper = [(s, 100 * each["interval"][1]) for s, each in zip(severities, found, strict=True)]
        lower = [(s, 100 * each["interval"][0]) for s, each in zip(severities, found, strict=True)]
        marks.append(
            element("path", d=f"{_path(axes, [*upper, *lower[::-1]])}Z", class_=f"band c{at}")
        )
        middle = [(s, 100 * each["mean"]) for s, each in zip(severities, found, strict=True)]
        marks.append(_line(axes, middle, f"line c{at}", name))
    area = curve["area"]
    mean, least, most = (100 * value for value in (area["mean"], *area["interval"]))
    caption = (
        f"{curve['kind']}: mean gain of audio over severities 1 to {max(severities):g}: "
        f"{mean:+.1f} points ({least:+.1f} to {most:+.1f}); bands are 95 % intervals"
    )
    frame = axes.frame("severity (0: not degraded)", "top-1, %", severities)
    return figure(caption, picture(axes, caption, frame, *marks), legend(list(names.values())))


def interval_chart(
    caption: str, rows: Sequence[tuple[str, float, float, float]], x_label: str
) -> Markup:
    """Return a chart of estimates with intervals, one line of text each.

    Args:
        caption: Caption.
        rows: Name, estimate, and ends of the interval.
        x_label: Label of the horizontal axis.
    """
    if not rows:
        return Markup("")
    low = min(0.0, *(row[2] for row in rows))
    high = max(0.0, *(row[3] for row in rows))
    left = 8 + _LETTER_WIDTH * max(len(row[0]) for row in rows)
    axes = Axes(
        (low, high if high > low else low + 1.0),
        (0.0, float(len(rows))),
        width=_PLOT_WIDTH + left,
        height=50 + 22 * len(rows),
        left=left,
        bottom=40,
    )
    marks = [
        element(
            "line",
            x1=axes.across(0.0),
            x2=axes.across(0.0),
            y1=axes.top,
            y2=axes.height - axes.bottom,
            class_="axis",
        )
    ]
    for at, (name, value, least, most) in enumerate(rows):
        y = axes.up(len(rows) - at - 0.5)
        said = element("title", f"{name}: {value:+.1f} ({least:+.1f} to {most:+.1f})")
        marks.append(element("text", name, x=axes.left - 8, y=y + 4, class_="tick end"))
        marks.append(
            element(
                "line",
                said,
                x1=axes.across(least),
                x2=axes.across(most),
                y1=y,
                y2=y,
                class_="whisker",
            )
        )
        marks.append(element("circle", said, cx=axes.across(value), cy=y, r=4, class_="dot"))
    return figure(caption, picture(axes, caption, _scale_only(axes, x_label), *marks))


def _scale_only(axes: Axes, x_label: str) -> Markup:
    floor = axes.height - axes.bottom
    parts = []
    for value in ticks(*axes.x):
        at = axes.across(value)
        parts.append(element("line", x1=at, x2=at, y1=axes.top, y2=floor, class_="grid"))
        parts.append(element("text", f"{value:g}", x=at, y=floor + 17, class_="tick middle"))
    middle = (axes.left + axes.width - axes.right) / 2
    parts.append(element("text", x_label, x=middle, y=axes.height - 5, class_="label middle"))
    return join(*parts)


def _line(axes: Axes, points: Points, style: str, title: str) -> Markup:
    said = element("title", title)
    line = element("path", said, d=_path(axes, points), class_=style)
    if len(points) > _MOST_DOTS:
        return line
    dots = (
        element(
            "circle",
            said,
            cx=axes.across(x),
            cy=axes.up(y),
            r=3,
            class_=style.replace("line", "dot"),
        )
        for x, y in points
    )
    return join(line, *dots)


def _path(axes: Axes, points: Points) -> str:
    return "".join(
        f"{'L' if at else 'M'}{axes.across(x):g} {axes.up(y):g}" for at, (x, y) in enumerate(points)
    )
