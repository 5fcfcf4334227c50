"""Tables for terminals, JSON lists for programs."""

import json
from dataclasses import dataclass

import pytest

from avme_cli.terminal.table import print_facts, print_json, print_table


@dataclass(frozen=True)
class Row:
    name: str
    ratio: float | None


def test_print_json_of_dataclasses_is_a_list_of_objects(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json((Row("[red]射箭\x1b[2J", 0.1), Row("b", None)))

    out = capsys.readouterr().out
    assert json.loads(out) == [
        {"name": "[red]射箭\x1b[2J", "ratio": 0.1},
        {"name": "b", "ratio": None},
    ]
    assert all(line.isprintable() for line in out.splitlines())


def test_print_json_without_rows_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(())

    assert capsys.readouterr().out == "[]\n"


def test_print_table_aligns_names_left_and_numbers_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table("title [bold]", ("", "seconds"), [("a", "1.5"), ("longer", "10.25")])

    title, *lines = capsys.readouterr().out.splitlines()
    cells = [line[1:-1].split("│") for line in lines if "│" in line]
    assert title.strip() == "title [bold]"
    assert cells == [[" a      ", "     1.5 "], [" longer ", "   10.25 "]]


def test_print_table_outside_a_terminal_does_not_wrap_at_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    print_table("t", ("", *(f"column {number}" for number in range(9))), [("a", *"123456789")])

    assert "column 0" in capsys.readouterr().out
    print_table("t", ("", "x"), [("y" * 120, "1")])
    assert "y" * 120 in capsys.readouterr().out


def test_print_facts_wraps_values_and_keeps_names_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")

    print_facts("what follows", [("learning rate", "0.1 falling to 0.001"), ("steps", "9")])

    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == ["what", "follows"]
    assert lines[1][:2] == ["learning", "rate"]
    assert lines[-1] == ["steps", "9"]
    assert len(lines) > 3
