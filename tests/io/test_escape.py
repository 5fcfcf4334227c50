"""What a terminal would obey is shown, and all other text stays as it is."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avme.io.escape import escape_formula, escape_json, escape_text, shorten_middle

OBEYED = {
    "\x1b[2J": "\\x1b[2J",
    "one\ntwo\r": "one\\ntwo\\r",
    "\x9b31m": "\\x9b31m",
    "\x7f": "\\x7f",
    "a\u202egpj.exe": "a\\u202egpj.exe",
    "\u2066x\u2069": "\\u2066x\\u2069",
    "a\u2028b\u2029c\x85d": "a\\u2028b\\u2029c\\x85d",
    "x\udcffy": "x\\udcffy",
    "\U000e0041": "\\U000e0041",
}


@pytest.mark.parametrize(("text", "shown"), OBEYED.items())
def test_escape_text_escapes_harmful_characters_once(text: str, shown: str) -> None:
    assert escape_text(text) == escape_text(shown) == shown


@pytest.mark.parametrize(
    "text", ["射箭", "Füße, naïve", "पक्षी", "می‌خواهم", "👩‍🔬", "[red]$x$", "C:\\n"]
)
def test_text_that_people_read_stays_as_it_is(text: str) -> None:
    assert escape_text(text) == text


def test_escape_text_with_keep_leaves_those_characters() -> None:
    assert escape_text("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


@given(st.text(st.characters(codec=None)))
def test_escape_text_leaves_no_control_character(text: str) -> None:
    """By Unicode's own classes, which the pattern does not use."""
    shown = escape_text(text)

    obeyed = {"Cc", "Cs", "Zl", "Zp"}
    assert not [c for c in shown if unicodedata.category(c) in obeyed]
    assert not [c for c in shown if unicodedata.bidirectional(c) in ("LRO", "RLO", "LRI", "PDF")]


@given(st.text(st.characters(codec=None)))
def test_escape_json_keeps_the_value(text: str) -> None:
    written = escape_json(json.dumps({text: text}, ensure_ascii=False))

    whole = text.encode(errors="backslashreplace").decode()  # but for halves of characters
    assert json.loads(written) == {whole: whole}
    assert escape_text(written) == written


@pytest.mark.parametrize("cell", ["-0.5", "+1", "-1e-3", "-.5", "3", "a=b", "射箭", "", " -x"])
def test_cells_that_no_spreadsheet_runs_stay_as_they_are(cell: str) -> None:
    assert escape_formula(cell) == cell


@pytest.mark.parametrize("cell", ["=1", "+a", "-1+2", "@x", "\tx", "\rx", "-0.5;=1", "\uff1dx"])
def test_cells_that_a_spreadsheet_would_run_are_text(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


def test_escape_formula_of_a_number_is_unchanged() -> None:
    assert escape_formula(-0.5) == -0.5


def test_shorten_middle_keeps_beginning_and_end() -> None:
    text = "run.yaml is odd: " + "x" * 1000 + ": delete it"

    short = shorten_middle(text, 100)

    assert len(short) == 100
    assert short.startswith("run.yaml is odd: x")
    assert " ... " in short
    assert short.endswith("x: delete it")
    assert shorten_middle(text, 2000) == text
