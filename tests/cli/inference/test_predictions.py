"""Output of predictions: lines, CSV and JSON."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avme.inference.prediction import Prediction, WindowScores
from avme_cli.inference import predictions
from avme_cli.inference.predictions import (
    HEADER,
    CsvWriter,
    JsonWriter,
    print_prediction,
    print_timeline,
)


@pytest.fixture
def made() -> Prediction:
    windows = tuple(
        WindowScores(
            index=index,
            start_seconds=start,
            end_seconds=start + 3000.0,
            top=((name, 0.75),),
            has_audio=True,
        )
        for index, (start, name) in enumerate([(0.0, "a"), (3000.0, "b")])
    )
    return Prediction(
        name='odd "name", \x1b[31m.mp4',
        classes=("a", "b"),
        probability=np.array([0.25, 0.75]),
        windows=windows,
        num_views=2,
        seconds=6000.0,
        audio="none",
        notes=("no audio track",),
    )


def test_print_prediction_escapes_names_and_prints_notes(
    made: Prediction, capsys: pytest.CaptureFixture[str]
) -> None:
    print_prediction(made, 2)
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == r'odd "name", \x1b[31m.mp4  (01:40:00, no audio, mean of 2 windows)'
    assert lines[1:] == ["  b   75.0 %", "  a   25.0 %", "  note: no audio track"]


def test_print_prediction_on_a_terminal_has_bars(
    made: Prediction, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "is_terminal", lambda stream: True)

    print_prediction(made, 1)

    assert capsys.readouterr().out.splitlines()[1].count("█") == 22


def test_print_timeline_shows_hours(made: Prediction, capsys: pytest.CaptureFixture[str]) -> None:
    print_timeline(made)

    assert capsys.readouterr().out.splitlines() == [
        "  0:00.0 to 50:00.0  a   75.0 %",
        "  50:00.0 to 1:40:00.0  b   75.0 %",
    ]


def test_csv_writer_quotes_names(made: Prediction, tmp_path: Path) -> None:
    with CsvWriter(tmp_path / "a.csv", 2) as writer:
        writer.add(made)

    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == HEADER
    name = 'odd "name", \\x1b[31m.mp4'
    assert rows[1] == [name, "all", "0.0", "6000.0", "1", "b", "0.75"]
    assert [row[1] for row in rows[1:]] == ["all", "all", "0", "1"]


def test_csv_and_json_of_a_name_that_is_no_text_or_a_formula_can_be_read(
    made: Prediction, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["bad\udcff.mp4", "=1+1.mp4"]
    with CsvWriter(tmp_path / "a.csv", 1) as rows, JsonWriter(True) as records:
        for name in names:
            rows.add(replace(made, name=name))
            records.add(replace(made, name=name).as_record(1))

    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        stored = [row["file"] for row in csv.DictReader(file) if row["window"] == "all"]
    assert stored == [r"bad\udcff.mp4", "'=1+1.mp4"]
    printed = [record["file"] for record in json.loads(capsys.readouterr().out)]
    assert printed == [r"bad\udcff.mp4", "=1+1.mp4"]


def test_csv_writer_after_an_error_leaves_no_file(made: Prediction, tmp_path: Path) -> None:
    def interrupted() -> None:
        with CsvWriter(tmp_path / "a.csv", 2) as writer:
            writer.add(made)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_writer_prints_a_list(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    with JsonWriter(True) as writer:
        for _ in range(count):
            writer.add({"a": 1})

    assert json.loads(capsys.readouterr().out) == count * [{"a": 1}]
