"""A classifier in, its top-k on a list out: a table, and the files that back it up.

Every clip counts exactly once; one that cannot be read is an error, never replaced by another.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avme.artifacts import only_dataset, replacing, write_json, write_text
from avme.config import EvalConfig
from avme.data.clips import ClipReader, ScoringClips
from avme.data.prepared import ClipEntry, PreparedSet
from avme.errors import MismatchError
from avme.figures.confusion import draw_confusion
from avme.report import Quiet, Reporter
from avme.stages.classifier import (
    TrainedClassifier,
    build_trained,
    read_classifier,
    results_of,
)
from avme.stages.pretrain import mfcc_facts
from avme.train.processes import joined, pick_device, pick_precision
from avme.train.scoring import Scorer, Scores

SOUND_STATES = ("sound", "silent", "none")


@dataclass(frozen=True, slots=True)
class EvalResult:
    """What the evaluation found and where it lies."""

    summary: dict[str, Any]
    folder: Path


def evaluate(
    checkpoint: Path,
    *,
    names: Path | None = None,
    data: Path | None = None,
    split: str | None = None,
    config: EvalConfig | None = None,
    out: Path | None = None,
    report: Reporter | None = None,
) -> EvalResult:
    """Scores the list of a split with all views of every clip.

    `checkpoint` is a run, one of its files, or published weights, whose head's rows the file
    `names` names where they do not do so. Raises ArtifactError where checkpoint or set are missing,
    MismatchError where the checkpoint is no classifier of the set's classes or was trained on clips
    of the test list.
    """
    config, report = config or EvalConfig(), report or Quiet()
    weights = read_classifier(checkpoint, names)
    prepared = PreparedSet.open(data or only_dataset(Path("data")))
    trained = build_trained(weights, prepared, report)
    settings, facts = trained.settings, weights.facts
    split = split or settings.clip.split
    entries = prepared.part(split, config.part)
    if config.part == "test":
        _require_unseen(entries, prepared, facts, split)
    device = pick_device(config.device)
    with joined(device) as processes:
        model = trained.model.to(device)
        reader = ClipReader(prepared, entries, facts.get("mfcc") or mfcc_facts(prepared, split))
        scorer = Scorer(
            ScoringClips(
                reader,
                settings.clip,
                config.segments,
                config.crops,
                audio_only=settings.modality == "a",
            ),
            batch=config.batch,
            workers=config.workers,
            device=device,
            precision=pick_precision(config.precision, device),
            processes=processes,
        )
        scores = scorer.score(model, report, "eval")
        folder = out or results_of(weights) / f"{prepared.name}-split{split}-{config.part}"
        summary = _summary(scores, entries, config, trained, prepared, split)
        if processes.is_first:
            _write(folder, summary, scores, entries, trained.classes, config.topk)
    return EvalResult(summary, folder)


def _require_unseen(
    entries: tuple[ClipEntry, ...], prepared: PreparedSet, facts: Mapping[str, Any], split: str
) -> None:
    if facts.get("dataset") != prepared.name:
        return  # another set, which the checkpoint knows nothing of
    trained = facts["split"]
    if facts["train_list_sha256"] != prepared.list_sha256(trained, "train"):
        raise MismatchError(
            f"{prepared.folder} was prepared anew since the checkpoint was trained: its train list "
            f"of split {trained} is another, so that test clips may have been trained on"
        )
    seen = {entry.id for entry in prepared.part(trained, "train")}
    overlap = sum(entry.id in seen for entry in entries)
    if overlap:
        raise MismatchError(
            f"{overlap} of {len(entries)} test clips of split {split} were trained on: the "
            f"checkpoint belongs to split {trained}; fine-tune again with --split {split}"
        )


def _summary(
    scores: Scores,
    entries: tuple[ClipEntry, ...],
    config: EvalConfig,
    trained: TrainedClassifier,
    prepared: PreparedSet,
    split: str,
) -> dict[str, Any]:
    weights, facts = trained.weights, trained.weights.facts
    usable = [k for k in config.topk if k <= len(trained.classes)]
    states = np.array([entry.audio for entry in entries])
    by_audio: dict[str, Any] = {}
    for state in SOUND_STATES:
        among = states == state
        if among.any():
            tops = {f"top{k}": scores.top(k, among) for k in usable}
            by_audio[state] = {"n": int(among.sum()), **tops}
    return {
        **{f"top{k}": scores.top(k) for k in usable},
        "n": len(entries),
        "by_audio": by_audio,
        "cross_entropy": scores.cross_entropy(),
        "modality": trained.settings.modality,
        "audio": "real",
        "subset": "all",
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "split": split,
        "part": config.part,
        "trained_on_split": facts.get("split"),
        "classes": len(trained.classes),
        "views": {
            "segments": config.segments,
            "crops": 1 if trained.settings.modality == "a" else config.crops,
        },
        "distinct_views_per_clip": float(scores.views.mean()),
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


def _write(
    folder: Path,
    summary: Mapping[str, Any],
    scores: Scores,
    entries: tuple[ClipEntry, ...],
    classes: tuple[str, ...],
    topk: tuple[int, ...],
) -> None:
    count = len(classes)
    confusion = np.zeros((count, count), dtype=np.int64)
    np.add.at(confusion, (scores.label, scores.probability.argmax(axis=1)), 1)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            id=np.array([entry.id for entry in entries]),
            group=np.array([entry.group for entry in entries]),
            audio=np.array([entry.audio for entry in entries]),
            label=scores.label,
            probability=scores.probability,
            views=scores.views,
            classes=np.array(classes),
        )
    write_text(folder / "per_class.csv", _per_class(scores, classes, topk))
    header = [["true \\ predicted", *classes]]
    rows = [[name, *line] for name, line in zip(classes, confusion.tolist(), strict=True)]
    write_text(folder / "confusion.csv", _csv(header + rows))
    with replacing(folder / "confusion.png") as temporary:
        draw_confusion(temporary, confusion, classes)
    write_json(folder / "summary.json", dict(summary))


def _per_class(scores: Scores, classes: tuple[str, ...], topk: tuple[int, ...]) -> str:
    usable = [k for k in topk if k <= len(classes)]
    rows: list[list[Any]] = [["class", "n", *(f"top{k}" for k in usable)]]
    for label, name in enumerate(classes):
        among = scores.label == label
        if among.any():
            tops = [f"{scores.top(k, among):.6f}" for k in usable]
            rows.append([name, int(among.sum()), *tops])
    return _csv(rows)


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
