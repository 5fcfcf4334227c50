"""Several runs: each scored into its own folder, with mean and deviation."""

import json
import shutil
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avme.checkpoint.file import load_checkpoint, save_checkpoint
from avme.config import EvalConfig
from avme.errors import UsageError
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.evaluate_runs import evaluate_runs

pytestmark = pytest.mark.slow

CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")
MakeRun = Callable[..., Path]


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def make_run(finished: PreparedDataset, finetuned: Path, tmp_path: Path) -> MakeRun:
    """Copies the run with another head, as if of another seed or split."""

    def make(name: str, split: str = "1", shift: float = 0.0) -> Path:
        run = Path(shutil.copytree(finetuned, tmp_path / name))
        best = run / "checkpoints" / "best.pt"
        trained = load_checkpoint(best)
        bias = trained.model["head.bias"].clone()
        bias[0] += shift
        config = trained.config | {"clip": trained.config["clip"] | {"split": split}}
        facts = trained.facts | {
            "split": split,
            "train_list_sha256": finished.list_sha256(split, "train"),
        }
        model = trained.model | {"head.bias": bias}
        save_checkpoint(best, replace(trained, model=model, config=config, facts=facts))
        return run

    return make


def test_evaluate_runs_of_seeds_equals_evaluations_alone(
    make_run: MakeRun, finished: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [make_run(f"seed{n}", shift=float(n)) for n in range(3)]
    alone = [
        evaluate(run, data=finished.folder, config=CONFIG, out=tmp_path / f"alone{n}").summary
        for n, run in enumerate(runs)
    ]

    result = evaluate_runs(runs, data=finished.folder, config=CONFIG)

    assert result.summary["kind"] == "seeds"
    assert json.loads(result.file.read_text()) == result.summary
    assert result.file.parent.parent == Path("runs")
    loss = [one["cross_entropy"] for one in alone]
    assert len(set(loss)) == 3
    assert [run["cross_entropy"] for run in result.summary["runs"]] == loss
    assert result.summary["figures"]["all"]["cross_entropy"] == {
        "mean": pytest.approx(statistics.mean(loss)),
        "deviation": pytest.approx(statistics.stdev(loss)),
    }
    for run, one in zip(runs, alone, strict=True):
        found = json.loads((run / "eval/set-split1-test-best-5x3/summary.json").read_text())
        assert found == one


def test_evaluate_runs_of_splits_scores_each_on_its_own(
    make_run: MakeRun, finished: PreparedDataset, tmp_path: Path
) -> None:
    runs = [make_run(f"split{split}", split) for split in ("2", "1", "3")]

    result = evaluate_runs(
        runs, splits=["1", "2", "3"], data=finished.folder, config=CONFIG, out=tmp_path / "out"
    )

    assert result.summary["kind"] == "splits"
    assert [run["split"] for run in result.summary["runs"]] == ["2", "1", "3"]
    assert [run["n"] for run in result.summary["runs"]] == [
        len(finished.subset(split, "test")) for split in ("2", "1", "3")
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("1-split2", "2-split1", "3-split3", "summary.json"),
    ]


def test_evaluate_runs_uses_finished_results_again(
    make_run: MakeRun, finished: PreparedDataset, tmp_path: Path
) -> None:
    one, two = make_run("one"), make_run("two", shift=100.0)
    first = evaluate(one, data=finished.folder, config=CONFIG).folder
    before = (first / "predictions.npz").stat().st_mtime_ns
    report = Listening()

    evaluate_runs(
        [one, two], data=finished.folder, config=CONFIG, out=None, report=report
    ).file.unlink()

    assert (first / "predictions.npz").stat().st_mtime_ns == before
    assert f"{one}: in {first}" in report.lines
    other = CONFIG.model_copy(update={"topk": (1,)})
    with pytest.raises(UsageError, match=r"holds results of another topk"):
        evaluate_runs([one, two], data=finished.folder, config=other)


def test_evaluate_runs_with_controls_averages_the_batteries(
    make_run: MakeRun, finished: PreparedDataset, tmp_path: Path
) -> None:
    runs = [make_run("one"), make_run("two", shift=100.0)]
    config = CONFIG.model_copy(update={"controls": True, "segments": 1, "crops": 1})

    summary = evaluate_runs(runs, data=finished.folder, config=config, out=tmp_path / "out").summary

    found = summary["controls_summary"]
    real = next(row for row in found["table"] if row["condition"] == "real")
    assert real["top1"] == summary["figures"]["all"]["top1"]
    alone = [
        json.loads((tmp_path / f"out/{folder}/controls.json").read_text())["verdict"]
        for folder in ("1-one", "2-two")
    ]
    assert found["verdict"]["motion"] == [each["motion"]["verdict"] for each in alone]


@pytest.mark.parametrize(
    ("splits", "message"),
    [(["1", "2"], "split 1 has 2 runs"), (["2"], "was trained on split 1, expected 2")],
)
def test_evaluate_runs_that_do_not_cover_the_splits_is_refused_before_scoring(
    splits: list[str], message: str, make_run: MakeRun, finished: PreparedDataset, tmp_path: Path
) -> None:
    runs = [make_run("one"), make_run("two", shift=1.0)]
    before = set(runs[0].rglob("*"))

    with pytest.raises(UsageError, match=message):
        evaluate_runs(runs, splits=splits, data=finished.folder, config=CONFIG)
    assert set(runs[0].rglob("*")) == before


def test_evaluate_runs_into_results_of_one_evaluation_is_refused(
    make_run: MakeRun, finished: PreparedDataset, tmp_path: Path
) -> None:
    runs, out = [make_run("one"), make_run("two", shift=1.0)], tmp_path / "out"
    evaluate(runs[0], data=finished.folder, config=CONFIG, out=out)

    with pytest.raises(UsageError, match="is of one evaluation, expected none or one of several"):
        evaluate_runs(runs, data=finished.folder, config=CONFIG, out=out)
