"""Warnings come with the figures that they concern."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.report.runs import read_contents
from avme.report.summary_section import summary_section, warnings_of
from tests.report_files import read

MakeRun = Callable[..., Path]


def test_warnings_name_leak_lost_clips_and_changed_inputs(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", audio="shuffle", untrained_classes=["B", "C"])

    lines = warnings_of(read_contents([run]))

    assert lines[0] == "run: class B has one clip"
    assert lines[1].startswith("run: the classifier was trained with protocol all, and the list")
    assert lines[2:] == [
        "run: 1 clips of the list could not be decoded",
        "run: 2 classes of the list have no training clip",
        "run: scored with audio shuffle",
    ]


@pytest.mark.parametrize(
    ("name", "best", "is_warned"),
    [("last.pt", {"epoch": 2.0}, True), ("last.pt", {}, False), ("best.pt", {"epoch": 2.0}, False)],
)
def test_warnings_of_the_last_epoch_need_a_better_one(
    name: str, best: dict[str, float], is_warned: bool, make_run: MakeRun, tmp_path: Path
) -> None:
    checkpoint = {"path": f"runs/a/checkpoints/{name}", "best_by_validation": best}
    run = make_run(tmp_path / "run", checkpoint=checkpoint)

    lines = warnings_of(read_contents([run]))

    expected = "run: scored from the last epoch, not from the best by validation"
    assert (expected in lines) == is_warned


def test_warnings_of_the_same_kind_are_one_line(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name) for name in ("a", "b")]

    lines = warnings_of(read_contents(runs))

    assert sum(line.startswith("a, b: ") for line in lines) == 2


def test_summary_section_without_evaluation_says_what_to_run(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", stage="pretrain")

    text = read(summary_section(read_contents([run]))).text

    assert "No evaluation yet: `avme eval RUN` adds one." in text


def test_summary_section_has_a_card_and_a_row_of_each_evaluation(
    make_run: MakeRun, tmp_path: Path
) -> None:
    contents = read_contents([make_run(tmp_path / "a"), make_run(tmp_path / "b")])

    text = read(summary_section(contents)).text

    assert text.count("top-1; 95 %: 65.0 to 85.0 % over 4 groups") == 2
    assert "bset1/testavall5x31275.00 %65.0 to 85.0100.00 %" in text
