"""Cells of a table have a text to show and a value to sort by."""

from avme.report.html import element
from avme.report.tables import Cell, Row, interval, percent, points, table
from tests.report_files import read


def test_percent_and_points_show_fractions() -> None:
    assert percent(0.12345, 2) == Cell("12.35 %", 0.12345)
    assert points(-0.2) == Cell("-20.0", -0.2)
    assert percent(None) == points(None) == Cell("", None)


def test_interval_shows_both_ends_and_sorts_by_the_lower() -> None:
    assert interval(-0.05, 0.1, signed=True) == Cell("-5.0 to +10.0", -0.05)
    assert interval(None, 0.1) == Cell("", None)


def test_table_marks_heads_and_values_of_numbers() -> None:
    rows: list[Row] = [["<A>", 1234, percent(0.5), element("b", "x"), None]]

    reader = read(table("Cap", ["name", "n", "share", "mark", "none"], rows, name="file"))

    cells = [attributes for tag, attributes in reader.found if tag in ("td", "th")]
    assert [cell.get("class") for cell in cells[:5]] == [None, "number", "number", None, None]
    assert [cell.get("data-value") for cell in cells[5:]] == [None, "1234", "0.5", None, None]
    assert cells[5] == {"scope": "row"}
    assert "<A>1,23450.0 %x" in reader.text
