"""Tables of a report: real HTML tables that the page's script sorts and downloads."""

from collections.abc import Sequence
from dataclasses import dataclass

from avme.report.html import Markup, element


@dataclass(frozen=True, slots=True)
class Cell:
    """Number of a table as it is shown, with its value for sorting and downloads."""

    shown: str
    value: float | None


Row = Sequence[str | int | float | Cell | Markup | None]


def percent(share: float | None, digits: int = 1) -> Cell:
    """Return a fraction as a percentage; None is empty."""
    return Cell("", None) if share is None else Cell(f"{100 * share:.{digits}f} %", share)


def points(difference: float | None) -> Cell:
    """Return a difference of fractions in percentage points, with its sign."""
    return Cell("", None) if difference is None else Cell(f"{100 * difference:+.1f}", difference)


def interval(low: float | None, high: float | None, *, signed: bool = False) -> Cell:
    """Return an interval of fractions in percent; sorting is by its lower end.

    Args:
        low: Lower end.
        high: Upper end.
        signed: Show signs, for differences.
    """
    if low is None or high is None:
        return Cell("", None)
    sign = "+" if signed else ""
    return Cell(f"{100 * low:{sign}.1f} to {100 * high:{sign}.1f}", low)


def table(caption: str, columns: Sequence[str], rows: Sequence[Row], *, name: str) -> Markup:
    """Return a table with its caption; the script adds sorting and buttons for CSV and JSON.

    Args:
        caption: Caption.
        columns: Heads of the columns.
        rows: Cells; the first of a row is its head.
        name: Name of downloaded files, without suffix.
    """
    numeric = [any(_is_number(row[at]) for row in rows) for at in range(len(columns))]
    head = element(
        "tr",
        *(
            element("th", each, scope="col", class_="number" if is_number else None)
            for each, is_number in zip(columns, numeric, strict=True)
        ),
    )
    body = [element("tr", *(_cell(cell, at) for at, cell in enumerate(row))) for row in rows]
    inner = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_="data",
        data_name=name,
    )
    region = element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)
    return element("div", region, class_="table")


def _cell(cell: str | int | float | Cell | Markup | None, column: int) -> Markup:
    if isinstance(cell, Cell):
        return element("td", cell.shown, class_="number", data_value=_plain(cell.value))
    if isinstance(cell, int | float):
        shown = f"{cell:,}" if isinstance(cell, int) else f"{cell:g}"
        return element("td", shown, class_="number", data_value=f"{cell}")
    content = "" if cell is None else cell
    if column == 0:
        return element("th", content, scope="row")
    return element("td", content)


def _is_number(cell: object) -> bool:
    return isinstance(cell, Cell | int | float)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
