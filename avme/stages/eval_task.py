"""Evaluation that is ready to run: classifier, dataset, clips and what a summary describes.

Everything that can be refused is refused here, before a process group is joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from avme.config import EvalConfig
from avme.corruptions.degradation import Degradation
from avme.data.class_coverage import compute_coverage
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import (
    describe_protocol,
    donor_reader,
    require_audio,
    select_clips,
    view_audio,
)
from avme.data.view_sources import AudioSource, FrameSource
from avme.errors import UsageError
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.inputs import (
    change_inputs,
    degradation_names,
    parse_changes,
    require_plain_inputs,
    require_used,
)
from avme.evaluation.dataset import (
    own_dataset,
    report_coverage,
    report_other_dataset,
    select_by_audio,
    trained_classes,
)
from avme.evaluation.description import (
    count_undecodable,
    describe_evaluation,
    describe_inputs,
)
from avme.evaluation.modality import ScoredModality, choose_modality
from avme.evaluation.seen_clips import require_unseen
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.distributed.process_group import Distributed, pick_device, pick_precision
from avme.train.evaluator import Evaluator
from avme.weights.load_classifier import (
    TrainedClassifier,
    build_trained,
    complete_settings,
    read_classifier,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalTask:
    """Classifier and clips of one evaluation."""

    config: EvalConfig
    trained: TrainedClassifier
    prepared: PreparedDataset
    split: str
    entries: tuple[ClipEntry, ...]
    """Clips to score."""
    clips: ClipAudio
    """Their reader, and their audio as the protocol gives it."""
    degradations: tuple[Degradation, ...]
    """Degradations, of which the controls score each by itself."""
    quarantined: int | None
    """Clips of the list that prep could not decode; None for a subset by audio."""
    ranks: tuple[int, ...]
    """Values of k."""
    modality: ScoredModality
    device: torch.device
    precision: torch.dtype
    summary: dict[str, Any]
    """Part of the summary that is known before scoring."""

    def evaluator(
        self,
        processes: Distributed,
        *,
        audio: Sequence[AudioSource] = (),
        frames: FrameSource | None = None,
    ) -> Evaluator:
        """Build the evaluator of the clips.

        Args:
            processes: Process group.
            audio: Sources of audio instead of those of the modality.
            frames: Source of frames instead of that of the modality.
        """
        own = self.modality.audio_sources or (self.clips.real,)
        return Evaluator(
            EvalDataset(
                self.clips.reader,
                self.trained.settings.clip,
                self.config.segments,
                self.config.crops,
                audio_only=self.modality.modality == "a",
                audio=audio or own,
                frames=frames or self.modality.frame_source,
            ),
            batch=self.config.batch_size,
            workers=self.config.num_workers,
            device=self.device,
            precision=self.precision,
            processes=processes,
        )


def open_task(
    checkpoint: Path,
    *,
    names: Path | None,
    data: Path | None,
    split: str | None,
    config: EvalConfig,
    report: Reporter,
) -> EvalTask:
    """Load a classifier and the clips to score, and check that they fit.

    Args:
        checkpoint: Finished fine-tuning run, one of its files, or published weights.
        names: File of class names for the rows of the weights' head, if they lack them.
        data: Prepared dataset; None for the checkpoint's own.
        split: Name of the split; None for the checkpoint's.
        config: Settings of the evaluation.
        report: Receives warnings.

    Raises:
        ArtifactError: Checkpoint or dataset are missing.
        MismatchError: The checkpoint is no classifier of the dataset's classes, or was trained on
            clips of the test list.
        UsageError: Several datasets in `data/`, none of them the checkpoint's; no usable k in
            `config.topk`; a modality that the classifier lacks; a subset without clips; a mode of
            audio or frames that is unknown, unused, or impossible with these clips.
    """
    changes = parse_changes(config.audio, config.frames, config.degrade, controls=config.controls)
    weights = complete_settings(read_classifier(checkpoint, names), config)
    facts = weights.facts
    prepared = PreparedDataset.open(data or own_dataset(facts, report))
    trained = build_trained(weights, prepared, report)
    modality = choose_modality(
        trained.settings.modality,
        config.modality,
        prepared.num_cepstra,
        has_heads=trained.model.unimodal is not None,
    )
    report_other_dataset(facts, prepared, report)
    ranks = usable_ranks(config.topk, len(trained.classes), report)
    split = split or trained.settings.clip.split
    protocol, listed = trained.settings.train.protocol, prepared.subset(split, config.list)
    used = select_clips(protocol, listed, f"{prepared.folder}, split {split}, {config.list}")
    entries = select_by_audio(used, config.subset, f"the {config.list} list")
    statistics = facts.get("mfcc") or mfcc_facts(prepared, split)
    donors = donor_reader(protocol, prepared, split, statistics)
    require_audio(protocol, entries, donors.entries if donors else ())
    if effect := describe_protocol(protocol, listed, used):
        report.log(f"protocol {effect}")
    if config.list == "test":
        require_unseen(entries, prepared, facts, split, report)
    coverage = compute_coverage(entries, trained_classes(facts, prepared))
    report_coverage(coverage, trained.classes, report)
    reader = ClipReader(prepared, entries, statistics)
    clips = ClipAudio(reader, *view_audio(protocol, reader, donors))
    if config.controls:
        require_plain_inputs(modality, changes)
        require_used(modality, changes)
    else:
        modality = change_inputs(modality, changes, clips, config.control_seed)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    return EvalTask(
        config=config,
        trained=trained,
        prepared=prepared,
        split=split,
        entries=entries,
        clips=clips,
        degradations=changes.degradations,
        quarantined=count_undecodable(config, prepared, split, protocol),
        ranks=ranks,
        modality=modality,
        device=device,
        precision=precision,
        summary={
            **describe_evaluation(config, trained, prepared, split, entries),
            **describe_inputs(config, modality, protocol, precision),
            "degrade": degradation_names(changes.degradations),
            "untrained_classes": list(coverage.untrained),
            "highest_top1": coverage.highest_top1,
        },
    )


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
