"""Evaluation: top-k of a classifier on a list of clips, with a table and result files.

Every clip counts exactly once; an unreadable clip is an error and never replaced by another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme import __version__
from avme.config import EvalConfig
from avme.data.class_coverage import ClassCoverage, compute_coverage
from avme.data.dataset import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import (
    describe_protocol,
    donor_reader,
    require_audio,
    select_clips,
    view_audio,
)
from avme.errors import UsageError
from avme.evaluation.dataset import (
    own_dataset,
    report_coverage,
    report_other_dataset,
    require_unseen,
    trained_classes,
)
from avme.evaluation.intervals import Groups
from avme.evaluation.metrics import summarize_scores
from avme.evaluation.results import (
    draw_results,
    require_replaceable,
    require_room,
    results_folder,
    write_results,
)
from avme.evaluation.signature import signature
from avme.io.hashing import list_sha256
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.distributed.interrupt import ended_by_signals
from avme.train.distributed.process_group import init_distributed, pick_device, pick_precision
from avme.train.evaluator import Evaluator
from avme.weights.load_classifier import (
    TrainedClassifier,
    build_trained,
    complete_settings,
    read_classifier,
)


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

    Raises:
        ArtifactError: Checkpoint or dataset are missing.
        SystemRequirementError: The result folder is not writable, which is checked before scoring.
        MismatchError: The checkpoint is no classifier of the dataset's classes, or was trained on
            clips of the test list.
        StoppedBySignal: SIGTERM or SIGUSR1 arrived during scoring.
        UsageError: Several datasets in `data/`, none of them the checkpoint's; no usable k in
            `config.topk`; results in the folder.
    """
    config, report = config or EvalConfig(), report or NullReporter()
    weights = complete_settings(read_classifier(checkpoint, names), config)
    facts = weights.facts
    prepared = PreparedDataset.open(data or own_dataset(facts, report))
    trained = build_trained(weights, prepared, report)
    report_other_dataset(facts, prepared, report)
    ranks = usable_ranks(config.topk, len(trained.classes), report)
    split = split or trained.settings.clip.split
    protocol = trained.settings.train.protocol
    listed = prepared.subset(split, config.subset)
    entries = select_clips(protocol, listed, f"{prepared.folder}, split {split}, {config.subset}")
    mfcc = facts.get("mfcc") or mfcc_facts(prepared, split)
    donors = donor_reader(protocol, prepared, split, mfcc)
    require_audio(protocol, entries, donors.entries if donors else ())
    if effect := describe_protocol(protocol, listed, entries):
        report.log(f"protocol {effect}")
    if config.subset == "test":
        require_unseen(entries, prepared, facts, split)
    coverage = compute_coverage(entries, trained_classes(facts, prepared))
    report_coverage(coverage, trained.classes, report)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    audio_only = trained.settings.modality == "a"
    views = {"segments": config.segments, "crops": 1 if audio_only else config.crops}
    summary = _described(config, trained, prepared, split, coverage) | {
        "list_sha256": list_sha256(entry.id for entry in entries),
        "views": views,
        "precision": str(precision).removeprefix("torch."),
    }
    folder = out or results_folder(weights, prepared.name, split, config.subset, views)
    require_replaceable(folder, summary, ranks, overwrite=overwrite)
    with ended_by_signals(), init_distributed(device) as processes:
        processes.run_on_rank0(lambda: require_room(folder, entries, len(trained.classes)))
        model = trained.model.to(device)
        reader = ClipReader(prepared, entries, mfcc)
        scorer = Evaluator(
            EvalDataset(
                reader,
                trained.settings.clip,
                config.segments,
                config.crops,
                audio_only=audio_only,
                audio=view_audio(protocol, reader, donors),
            ),
            batch=config.batch_size,
            workers=config.num_workers,
            device=device,
            precision=precision,
            processes=processes,
        )
        scores = scorer.score(model, report, "eval")
        groups = Groups([entry.group for entry in entries])
        summary = summarize_scores(scores, entries, ranks, groups) | summary
        summary["signature"] = signature(summary, groups, __version__)
        if processes.is_rank0:
            tell(summary)
            write_results(folder, summary, scores, entries, trained.classes, ranks)
            draw_results(folder, summary, scores, trained.classes, ranks, report)
    return EvalResult(summary, folder, prepared.folder)


def usable_ranks(topk: tuple[int, ...], num_classes: int, report: Reporter) -> tuple[int, ...]:
    """Return each k of `topk` up to the number of classes, once; report the others.

    Args:
        topk: Values of k.
        num_classes: Number of classes.
        report: Receives the warning.

    Raises:
        UsageError: No k is left.
    """
    asked = tuple(dict.fromkeys(topk))
    usable = tuple(k for k in asked if k <= num_classes)
    left_out = ", ".join(f"top-{k}" for k in asked if k > num_classes)
    known = f"the classifier has {num_classes} class{'es' if num_classes > 1 else ''}"
    if not usable:
        raise UsageError(f"topk: {known} (got {left_out}): give a k of {num_classes} or less")
    if left_out:
        report.log(f"{left_out} left out: {known}")
    if num_classes in usable and num_classes > 1:
        report.log(f"top-{num_classes} is 100 % for any classifier: {known}")
    return usable


def _described(
    config: EvalConfig,
    trained: TrainedClassifier,
    prepared: PreparedDataset,
    split: str,
    coverage: ClassCoverage,
) -> dict[str, Any]:
    """Return the part of the summary that is known before scoring."""
    weights, facts = trained.weights, trained.weights.facts
    protocol = trained.settings.train.protocol
    return {
        "modality": trained.settings.modality,
        "audio": "real" if protocol in ("all", "audio-only") else "protocol",
        "protocol": protocol,
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "split": split,
        "subset": config.subset,
        "trained_on_split": facts.get("split"),
        "classes": len(trained.classes),
        "untrained_classes": list(coverage.untrained),
        "highest_top1": coverage.highest_top1,
        "seed": trained.settings.train.seed if facts else None,
        "train_list_sha256": facts.get("train_list_sha256"),
        "pretrained": facts.get("pretrained"),
        "checkpoint": {
            "path": str(weights.file),
            "sha256": weights.sha256(),
            "form": weights.form,
            "step": facts.get("step"),
            "best_by_validation": facts.get("best", {}),
        },
    }
