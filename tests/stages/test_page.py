"""Stages write their page after their results; a page that fails is a warning."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import EvalConfig
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.page import write_evaluation_page, write_page


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_write_page_that_cannot_be_written_is_a_warning(
    make_run: Callable[..., Path], finished: PreparedDataset, tmp_path: Path
) -> None:
    run, said = make_run(tmp_path / "run"), Listening()
    (run / "report.html").mkdir()

    assert write_page([run], finished.folder, said) is None
    assert said.lines == [
        f"warning: no report.html of {run}: {run / 'report.html'} is a folder, expected a file: "
        "add a name such as report.html"
    ]


def test_write_page_that_fails_in_any_way_is_a_warning(
    make_run: Callable[..., Path],
    finished: PreparedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise MemoryError

    run, said = make_run(tmp_path / "run"), Listening()
    monkeypatch.setattr("avme.stages.page.write_report", fail)

    assert write_page([run], finished.folder, said) is None
    assert said.lines == [f"warning: no report.html of {run}: MemoryError"]


def test_write_evaluation_page_is_that_of_the_run_if_there_is_one(
    make_run: Callable[..., Path], finished: PreparedDataset, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    results = next((run / "eval").iterdir())
    alone = shutil.copytree(results, tmp_path / "alone")

    pages = [
        write_evaluation_page(each, finished.folder, NullReporter()) for each in (results, alone)
    ]

    assert pages == [run / "report.html", alone / "report.html"]


@pytest.mark.slow
def test_stages_leave_a_page_in_their_run(
    pretrained: Path, finetuned: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    run = shutil.copytree(finetuned, tmp_path / "run")
    trained = (run / "report.html").read_text()

    evaluate(run, data=finished.folder, config=EvalConfig(segments=1, crops=1))

    scored = (run / "report.html").read_text()
    assert "Training loss of pretrain runs" in (pretrained / "report.html").read_text()
    assert "Training loss of finetune runs" in trained
    assert "is not finished" not in trained
    assert "No evaluation yet" not in scored
    assert 'id="video-eval0-' in scored
