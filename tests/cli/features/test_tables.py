"""Tables of accuracies, and the JSON file."""

import json
from pathlib import Path

import pytest

from avme.evaluation.intervals import Groups, Interval
from avme.features.top_k import Tops
from avme_cli.features.tables import print_accuracies, write_record


def test_accuracies_are_printed_with_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    tops = Tops({1: 0.25, 5: 1.0}, {1: Interval(0.1, 0.4, 1.0), 5: Interval(0.9, 1.0, 1.0)})

    print_accuracies("neighbors", {"k = 1": tops}, Groups(["a", "a", "b"]))

    lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in lines[1].split("┃")[1:-1]] == [
        "neighbors",
        "top-1",
        "95 %",
        "top-5",
        "95 %",
    ]
    assert [cell.strip() for cell in lines[3].split("│")[1:-1]] == [
        "k = 1",
        "25.00 %",
        "10.0 to 40.0",
        "100.00 %",
        "90.0 to 100.0",
    ]
    assert lines[-1] == "intervals: bootstrap over 2 groups"


def test_record_is_written_where_a_file_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record({"a": 1}, None)
    assert capsys.readouterr().out == ""

    write_record({"a": 1}, tmp_path / "r.json")

    assert json.loads((tmp_path / "r.json").read_text()) == {"a": 1}
    assert capsys.readouterr().out == f"{tmp_path / 'r.json'}\n"
