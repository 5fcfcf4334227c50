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

from avme.artifacts import (
    only_dataset,
    replacing,
    require_finished_run,
    sha256_of,
    write_json,
    write_text,
)
from avme.config import EvalConfig, FinetuneConfig
from avme.data.clips import ClipReader, ScoringClips
from avme.data.prepared import ClipEntry, PreparedSet
from avme.errors import MismatchError
from avme.figures.confusion import draw_confusion
from avme.report import Quiet, Reporter
from avme.stages.finetune import build_classifier
from avme.train.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
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
    data: Path | None = None,
    split: str | None = None,
    config: EvalConfig | None = None,
    out: Path | None = None,
    report: Reporter | None = None,
) -> EvalResult:
    """Scores the list of a split with all views of every clip.

    Raises ArtifactError where checkpoint or set are missing, MismatchError where the checkpoint is
    no classifier of the set's classes or was trained on clips of the test list.
    """
    config, report = config or EvalConfig(), report or Quiet()
    path = find_checkpoint(require_finished_run(checkpoint), "best", "last")
    loaded = load_checkpoint(path)
    if loaded.stage != "finetune":
        raise MismatchError(
            f"{path} is a {loaded.stage} checkpoint and has no classifier: run `avme finetune "
            f"--from {checkpoint}` first"
        )
    prepared = PreparedSet.open(data or only_dataset(Path("data")))
    _require_classes(loaded, path, prepared)
    settings = FinetuneConfig.model_validate(loaded.config)
    split = split or settings.clip.split
    entries = prepared.part(split, config.part)
    if config.part == "test":
        _require_unseen(entries, prepared, loaded, split)
    device = pick_device(config.device)
    with joined(device) as processes:
        model = build_classifier(settings, len(prepared.classes)).to(device)
        model.load_state_dict(loaded.model)
        reader = ClipReader(prepared, entries, loaded.facts["mfcc"])
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
        folder = out or _run_of(path) / "eval" / f"{prepared.name}-split{split}-{config.part}"
        summary = _summary(scores, entries, config, settings, prepared, loaded, split)
        summary["checkpoint"] = {
            "path": str(path),
            "sha256": sha256_of(path),
            "step": loaded.step,
            "best_by_validation": loaded.best,
        }
        if processes.is_first:
            _write(folder, summary, scores, entries, prepared.classes, config.topk)
    return EvalResult(summary, folder)


def _require_classes(loaded: Checkpoint, path: Path, prepared: PreparedSet) -> None:
    known = tuple(loaded.facts["classes"])
    if known == prepared.classes:
        return
    only_there = [name for name in known if name not in prepared.classes]
    only_here = [name for name in prepared.classes if name not in known]
    hint = f"{path} knows {len(known)} classes, {prepared.folder} has {len(prepared.classes)}"
    if only_there or only_here:
        hint += f" (only there: {only_there[:3]}, only here: {only_here[:3]})"
    raise MismatchError(f"{hint}: choose the set it was trained on with --data")


def _require_unseen(
    entries: tuple[ClipEntry, ...], prepared: PreparedSet, loaded: Checkpoint, split: str
) -> None:
    if loaded.facts["dataset"] != prepared.name:
        return  # another set, which the checkpoint knows nothing of
    trained = loaded.facts["split"]
    if loaded.facts["train_list_sha256"] != prepared.list_sha256(trained, "train"):
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


def _run_of(path: Path) -> Path:
    return path.parent.parent if path.parent.name == "checkpoints" else path.parent


def _summary(
    scores: Scores,
    entries: tuple[ClipEntry, ...],
    config: EvalConfig,
    settings: FinetuneConfig,
    prepared: PreparedSet,
    loaded: Checkpoint,
    split: str,
) -> dict[str, Any]:
    usable = [k for k in config.topk if k <= len(prepared.classes)]
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
        "modality": settings.modality,
        "audio": "real",
        "subset": "all",
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "split": split,
        "part": config.part,
        "trained_on_split": settings.clip.split,
        "classes": len(prepared.classes),
        "views": {
            "segments": config.segments,
            "crops": 1 if settings.modality == "a" else config.crops,
        },
        "distinct_views_per_clip": float(scores.views.mean()),
        "seed": settings.train.seed,
        "train_list_sha256": loaded.facts["train_list_sha256"],
        "pretrained": loaded.facts["pretrained"],
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
