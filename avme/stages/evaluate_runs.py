"""Evaluation of several classifiers: each on its own split, then mean and deviation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avme.config import EvalConfig
from avme.errors import UsageError
from avme.evaluation.controls.run_sets import summarize_batteries
from avme.evaluation.predictions import SUMMARY
from avme.evaluation.results_folder import is_finished, require_replaceable, results_folder
from avme.evaluation.run_sets import ScoredRun, require_set, set_folder_name, summarize_runs
from avme.io.atomic import read_json, write_json
from avme.progress import NullReporter, Reporter
from avme.stages.eval_task import EvalTask, open_task
from avme.stages.evaluate import score_task
from avme.train.distributed.interrupt import ended_by_signals
from avme.train.distributed.process_group import Distributed, init_distributed, pick_device
from avme.train.run.lookup import run_folder

RUNS = Path("runs")


@dataclass(frozen=True, slots=True)
class EvalSetResult:
    """Result of several evaluations and its file."""

    summary: dict[str, Any]
    file: Path
    dataset: Path
    """Folder of the scored dataset."""


def evaluate_runs(
    checkpoints: Sequence[Path],
    *,
    splits: Sequence[str] = (),
    names: Path | None = None,
    data: Path | None = None,
    config: EvalConfig | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    report: Reporter | None = None,
) -> EvalSetResult:
    """Score each run on the split that it was trained on, into its own results folder.

    Results of the same evaluation that are there already are used again, so that an interrupted
    command continues.

    Args:
        checkpoints: Finished fine-tuning runs or their files.
        splits: Splits that the runs must cover, one run each; a single one for several seeds.
        names: File of class names for the rows of the weights' heads, if they lack them.
        data: Prepared dataset; None for the runs' own.
        config: Settings of the evaluation.
        out: Folder of the summary, with a folder of results for each run; None for the runs' own
            folders and `runs/eval-<n>-<kind>-<hash>/`.
        overwrite: Score again, and replace results.
        report: Receives progress.

    Raises:
        UsageError: A run occurs twice; a split has no run or several; runs of different datasets or
            modalities; other results are in a folder.
        AvmeError: As for `evaluate`, before anything is scored.
    """
    config, report = config or EvalConfig(), report or NullReporter()

    def open_run(path: Path, report: Reporter) -> EvalTask:
        return open_task(path, names=names, data=data, split=None, config=config, report=report)

    planned: list[tuple[ScoredRun, tuple[int, ...]]] = []
    dataset = Path()
    for number, path in enumerate(checkpoints, 1):
        task = open_run(path, NullReporter())
        weights = task.trained.weights
        folder = results_folder(weights, task.summary)
        if out is not None:
            folder = out / f"{number}-{run_folder(weights.file).resolve().name}"
        planned.append((ScoredRun(path, folder, task.summary), task.ranks))
        dataset = task.prepared.folder
    runs = [run for run, _ in planned]
    kind = require_set(runs, splits)
    for run, ranks in planned:
        if overwrite or not is_finished(run.folder, run.summary, ranks):
            require_replaceable(run.folder, run.summary, ranks, overwrite=overwrite)
    file = (out or RUNS / set_folder_name(runs, kind)) / SUMMARY
    _require_set_file(file, overwrite=overwrite)

    def score(run: ScoredRun, ranks: tuple[int, ...], processes: Distributed) -> ScoredRun:
        def finished() -> dict[str, Any] | None:
            is_there = not overwrite and is_finished(run.folder, run.summary, ranks)
            return read_json(run.folder / SUMMARY) if is_there else None

        found = processes.run_on_rank0(finished)
        report.log(f"{run.path}: {'in' if found else 'scoring into'} {run.folder}")
        if found is None:
            found = score_task(open_run(run.path, report), run.folder, processes, report)
        return replace(run, summary=found)

    with ended_by_signals(), init_distributed(pick_device(config.device)) as processes:
        scored = [score(run, ranks, processes) for run, ranks in planned]
        summary = summarize_runs(scored, kind)
        if config.controls:
            folders = [run.folder for run in scored]
            found = processes.run_on_rank0(lambda: summarize_batteries(folders))
            summary["controls_summary"] = found
        processes.run_on_rank0(lambda: _write(file, summary))
    return EvalSetResult(summary, file, dataset)


def _require_set_file(file: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file of another kind of result would be replaced."""
    if file.exists() and not overwrite and "runs" not in read_json(file):
        raise UsageError(
            f"{file} is of one evaluation, expected none or one of several: replace it with "
            "--overwrite, or choose another folder with --out"
        )


def _write(file: Path, summary: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, summary)
