"""Evaluation: top-k of a classifier on a list of clips, with a table and result files.

Every clip counts exactly once; an unreadable clip is an error and never replaced by another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme import __version__
from avme.config import EvalConfig
from avme.evaluation.controls.files import ControlReport, draw_controls, write_controls
from avme.evaluation.intervals import Groups
from avme.evaluation.metrics import count_quarantined, summarize_scores
from avme.evaluation.results import draw_results, write_results
from avme.evaluation.results_folder import require_replaceable, require_room, results_folder
from avme.evaluation.signature import signature
from avme.progress import NullReporter, Reporter
from avme.stages.eval_controls import score_controls
from avme.stages.eval_task import EvalTask, open_task
from avme.stages.page import write_evaluation_page
from avme.train.distributed.interrupt import ended_by_signals
from avme.train.distributed.process_group import Distributed, init_distributed


@dataclass(frozen=True, slots=True)
class EvalResult:
    """Result of an evaluation and its folder."""

    summary: dict[str, Any]
    folder: Path
    dataset: Path
    """Folder of the scored dataset."""


def evaluate(
    checkpoint: Path,
    *,
    names: Path | None = None,
    data: Path | None = None,
    split: str | None = None,
    config: EvalConfig | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    report: Reporter | None = None,
    tell: Callable[[dict[str, Any]], None] = lambda summary: None,
    tell_controls: Callable[[ControlReport], None] = lambda controls: None,
) -> EvalResult:
    """Score the list of a split with all views of every clip.

    Args:
        checkpoint: Finished fine-tuning run, whose best epoch is used, one of its files, or
            published weights.
        names: File of class names for the rows of the weights' head, if they lack them.
        data: Prepared dataset; None for the checkpoint's own, looked up in `data/`.
        split: Name of the split; None for the checkpoint's.
        config: Settings of the evaluation.
        out: Folder of the results; None for one in the run, named after the settings.
        overwrite: Replace results in that folder.
        report: Receives progress.
        tell: Called with the summary on rank 0 before anything is written; a figure that fails
            later is a warning.
        tell_controls: Called with the results of the battery after that, with `config.controls`.

    Raises:
        ArtifactError: Checkpoint or dataset are missing.
        SystemRequirementError: The result folder is not writable, which is checked before scoring.
        MismatchError: The checkpoint is no classifier of the dataset's classes, or was trained on
            clips of the test list.
        StoppedBySignal: SIGTERM or SIGUSR1 arrived during scoring.
        UsageError: Several datasets in `data/`, none of them the checkpoint's; no usable k in
            `config.topk`; a modality that the classifier lacks; a subset without clips; results in
            the folder.
    """
    config, report = config or EvalConfig(), report or NullReporter()
    task = open_task(checkpoint, names=names, data=data, split=split, config=config, report=report)
    folder = out or results_folder(task.trained.weights, task.summary)
    require_replaceable(folder, task.summary, task.ranks, overwrite=overwrite)
    with ended_by_signals(), init_distributed(task.device) as processes:
        summary = score_task(task, folder, processes, report, tell, tell_controls)
    return EvalResult(summary, folder, task.prepared.folder)


def score_task(
    task: EvalTask,
    folder: Path,
    processes: Distributed,
    report: Reporter,
    tell: Callable[[dict[str, Any]], None] = lambda summary: None,
    tell_controls: Callable[[ControlReport], None] = lambda controls: None,
) -> dict[str, Any]:
    """Score the clips and write the results; return the summary.

    Args:
        task: Classifier and clips.
        folder: Folder of the results.
        processes: Process group.
        report: Receives progress.
        tell: Called with the summary on rank 0 before anything is written.
        tell_controls: Called with the results of the battery after that, with `config.controls`.
    """
    entries, classes, ranks = task.entries, task.trained.classes, task.ranks
    processes.run_on_rank0(lambda: require_room(folder, entries, len(classes)))
    controls: ControlReport | None = None
    if task.config.controls:
        scores, controls = score_controls(task, processes, report)
    else:
        model = task.trained.model.to(task.device)
        scores = task.evaluator(processes).score(model, report, "eval", task.modality.output)
    groups = Groups([entry.group for entry in entries])
    summary = summarize_scores(scores, entries, ranks, groups) | task.summary
    summary |= count_quarantined(summary, ranks, task.quarantined)
    if controls is not None:
        summary["verdict"] = {key: each.verdict for key, each in controls.verdicts.items()}
    summary["signature"] = signature(summary, groups, __version__)
    if processes.is_rank0:
        tell(summary)
        if controls is not None:
            tell_controls(controls)
        write_results(folder, summary, scores, entries, classes, ranks)
        if controls is not None:
            write_controls(folder, controls, summary)
            draw_controls(folder, controls, summary, report)
        draw_results(folder, summary, scores, classes, ranks, report)
        write_evaluation_page(folder, task.prepared.folder, report)
    return summary
