"""Elements hold data as text."""

import json

import pytest

from avme.report.html import Markup, data_script, element, join, text
from tests.report_files import read

HOSTILE = "</script><b onclick='x'>\"&\u2028\x1b[0m"


def test_element_with_hostile_text_and_attribute_is_one_element() -> None:
    reader = read(element("p", HOSTILE, title=HOSTILE))

    assert [tag for tag, _ in reader.found] == ["p"]
    shown = HOSTILE.replace("\u2028", "\\u2028").replace("\x1b", "\\x1b")
    assert reader.text == shown
    assert reader.found[0][1] == {"title": shown}


def test_element_names_attributes_and_leaves_out_absent_ones() -> None:
    made = element("input", class_="a", data_at=3, hidden=True, disabled=False, value=None)

    assert made == '<input class="a" data-at="3" hidden/>'


def test_join_takes_elements_unchanged_and_escapes_text() -> None:
    assert join(element("b", "x"), "<i>") == "<b>x</b>&lt;i&gt;"
    assert isinstance(join("a"), Markup)


def test_data_script_keeps_values_and_ends_at_its_own_end_tag() -> None:
    value = {"names": [HOSTILE, "<!--<script>"]}

    made = data_script("d", value)

    inside = made.removeprefix('<script type="application/json" id="d">').removesuffix("</script>")
    assert json.loads(inside) == value
    assert "<" not in inside
    assert "\u2028" not in inside


def test_data_script_refuses_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        data_script("d", float("nan"))


def test_text_keeps_line_breaks() -> None:
    assert text("a\nb\r") == "a\nb\\r"
