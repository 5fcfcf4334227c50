"""Report files: where they are written, what is refused, and that real results fit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import EvalConfig
from avme.errors import ArtifactError, UsageError
from avme.report.write import write_report
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate

MakeRun = Callable[..., Path]


def test_write_report_writes_into_the_first_run(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name) for name in ("a", "b")]

    out = write_report(runs)

    assert out == runs[0] / "report.html"
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_write_report_of_equal_runs_gives_equal_bytes(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name / "run") for name in ("a", "b")]

    first, second = (write_report([run]).read_bytes() for run in runs)

    assert first == second


def test_write_report_with_unusable_arguments_is_refused(
    make_run: MakeRun, tmp_path: Path, finished: PreparedDataset
) -> None:
    run = make_run(tmp_path / "run")

    with pytest.raises(UsageError, match="no run was given"):
        write_report([])
    with pytest.raises(UsageError, match=r"is a folder, expected a file: add a name such as"):
        write_report([run], tmp_path)
    with pytest.raises(ArtifactError, match=r"neither\.json|holds neither"):
        write_report([finished.folder])
    with pytest.raises(ArtifactError, match=r"dataset\.json"):
        write_report([run], data=[tmp_path])
    assert not (run / "report.html").exists()


@pytest.mark.slow
def test_write_report_of_real_runs_plays_their_clips(
    finetuned: Path, pretrained: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    config = EvalConfig(segments=1, crops=1, controls=True, degrade=("jpeg",))
    results = tmp_path / "eval" / "results"
    evaluate(finetuned, data=finished.folder, config=config, out=results)

    out = write_report(
        [finetuned, pretrained, results], tmp_path / "r.html", data=[finished.folder]
    )

    page = out.read_text()
    assert page.count('id="video-eval0-') > 0
    assert "is not what" not in page
    assert 'class="band c1"' in page
    assert page.count("<figure>") >= 6
