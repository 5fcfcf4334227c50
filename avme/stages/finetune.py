"""Fine-tuning: a pretrained encoder in, a classifier out (paper IV-C).

The best epoch is selected on a validation list, held out by group from the train list; the test
list is never read here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.checkpoint.file import find_checkpoint, load_checkpoint, save_checkpoint
from avme.config import FinetuneConfig
from avme.data.class_coverage import training_warnings
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import (
    describe_protocol,
    require_audio,
    select_clips,
    used_classes,
    view_audio,
)
from avme.data.transforms import FinetuneTransform
from avme.errors import ConfigError
from avme.io.run_status import require_finished_run
from avme.models.build import Network
from avme.models.classifier import Classifier
from avme.models.complexity import example_clip
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.sources.split_strategies import divide_train_list, warn_of_unheld_classes
from avme.stages.page import write_page
from avme.stages.training import (
    Objective,
    Setup,
    build_job,
    dataset_facts,
    lengths_of,
    open_training_set,
)
from avme.train.batch_loss import BatchLoss, LossOf
from avme.train.distributed.fsdp import unsharded
from avme.train.distributed.process_group import pick_precision
from avme.train.evaluator import Evaluator
from avme.train.gradient_modulation import modality_scores, modulation_of
from avme.train.job import EpochCallback, TrainJob, train
from avme.train.metrics.attention_entropy import fusion_entropy
from avme.train.metrics.loggers import MetricLoggers
from avme.train.mixup import mix
from avme.train.model_selection import BestEpoch, update_best
from avme.train.trainer import Trainer
from avme.weights.load_into_model import load_into, start_from
from avme.weights.provenance import log_report, provenance_of, require_no_test_leak, weights_for
from avme.weights.trained_model import load_trained

STAGE = "finetune"


def finetune(
    config: FinetuneConfig,
    *,
    data: Path,
    out: Path,
    init: Path | None,
    weights: Path | None = None,
    names: Path | None = None,
    preset: str = "base",
    resume: bool = False,
    overwrite: bool = False,
    command: Sequence[str] = (),
    report: Reporter | None = None,
    checks_for: int | None = None,
) -> Path:
    """Train a classifier on the train list; return the run folder.

    Args:
        config: Settings of the stage.
        data: Prepared dataset.
        out: Run folder.
        init: Pretraining run to start from, if any.
        weights: Weight file of any form to start from, if any.
        names: File of class names for the rows of the weights' head, if they lack them.
        preset: Name of the preset, for the record.
        resume: Continue the run in `out`.
        overwrite: Replace the run in `out`.
        command: Command line, to be printed for resuming.
        report: Receives progress.
        checks_for: Number of ranks of a planned job: check only, as in `pretrain`.

    Raises:
        ArtifactError: The dataset or checkpoint is unfinished.
        UsageError: The folder is in use.
        MismatchError: The checkpoint does not fit or was trained on the split's test clips.
        StoppedBySignal: After SIGTERM or SIGUSR1.
    """
    if config.modality == "av" and config.model.fusion.kind == "none":
        raise ConfigError("fusion none has no audio: use modality v, or pretrain with a fusion")
    prepared, split = open_training_set(config, data), config.clip.split
    protocol, listed = config.train.protocol, prepared.subset(split, "train")
    whole = select_clips(protocol, listed, f"{data}, split {split}, train")
    entries, held_out, unused = divide_train_list(whole, config)
    require_audio(protocol, [*entries, *held_out], entries)
    start = (
        None if init is None else load_trained(find_checkpoint(require_finished_run(init), "last"))
    )
    given = None if weights is None else weights_for(config, weights, names)
    pretrained = (
        provenance_of(given, out if resume else None, "pretrained")
        if start is None
        else start.facts | {"step": start.step}
    )

    def initialize(model: Network, report: Reporter) -> None:
        if given is not None:
            log_report(report, load_into(model, given, prepared.classes))
        else:
            start_from(cast(Classifier, model), start, report)

    setup = Setup(
        stage=STAGE,
        config=config,
        prepared=prepared,
        entries=entries,
        facts={
            **dataset_facts(prepared, config, preset),
            "classes": list(prepared.classes),
            "pretrained": pretrained,
        },
        lists={"train": len(entries), "validation": len(held_out), "unused": len(unused)},
        protocol=describe_protocol(protocol, listed, whole),
        start=f"from {init or weights or 'scratch'}",
        initialize=initialize,
        out=out,
        resume=resume,
        overwrite=overwrite,
    )
    require_no_test_leak(pretrained, prepared, split)
    if checks_for is not None:
        setup.require_possible(checks_for)
        return out

    def objective_of(_: Network, device: torch.device) -> Objective:
        return Objective(
            view=FinetuneTransform(config.clip, config.augment),
            loss_of=classification_step(config, len(prepared.classes)),
            example=example_clip(config.clip, config.model.audio.num_cepstra, device),
            derived={"validation_clips": len(held_out), "unused_clips": len(unused)},
        )

    with build_job(setup, objective_of, command=command, report=report or NullReporter()) as job:
        for line in (
            *training_warnings(used_classes(protocol, prepared.classes, whole), entries, held_out),
            *warn_of_unheld_classes([*entries, *unused], held_out, config.val_fraction),
        ):
            job.report.log(line)
        earlier = (pretrained or {}).get("protocol", protocol)
        if earlier != protocol:
            job.report.log(
                f"pretrained with protocol {earlier}, fine-tuned with protocol {protocol}"
            )
        train(job, _validation(job, prepared, held_out))
        if not held_out and job.processes.is_rank0:
            last = load_checkpoint(job.run.checkpoint_path("last"))
            best = replace(last, model=last.weights, average={}, optimizer={})
            save_checkpoint(job.run.checkpoint_path("best"), best)
    if job.processes.is_rank0:
        write_page([job.run.folder], data, report or NullReporter())
    return job.run.folder


def classification_step(config: FinetuneConfig, num_classes: int) -> LossOf:
    """Build the loss: cross-entropy with label smoothing on clips that may be mixed.

    Heads of one modality add their own losses times `head.unimodal_weight`; that of audio counts
    the clips with audio alone. `head.gradient_modulation` adds the scores that it compares.
    """
    has_heads = config.head.unimodal_weight > 0.0 and config.modality == "av"

    def step(model: nn.Module, batch: AVBatch, _: int, logged: bool) -> BatchLoss:
        mixed = mix(batch, num_classes, config.augment)
        clips = mixed.batch
        inputs = (clips.video, clips.mfcc, clips.audio_valid)
        if has_heads:
            logits, *alone = cast(Tensor, model(*inputs, output="every")).float()
        else:
            logits, alone = cast(Tensor, model(*inputs)).float(), []
        smoothing = config.head.label_smoothing
        loss = F.cross_entropy(logits, mixed.target, label_smoothing=smoothing)
        hears = clips.audio_valid.any(dim=1).to(logits.device)
        for each, counted in zip(alone, (torch.ones_like(hears), hears), strict=False):
            own = F.cross_entropy(each, mixed.target, label_smoothing=smoothing, reduction="none")
            loss = loss + config.head.unimodal_weight * (own * counted).mean()
        figures: dict[str, Tensor] = {}
        if modulation_of(config) is not None:
            figures |= modality_scores(alone[0], alone[1], mixed.target, hears)
        if logged:
            truth = mixed.target.argmax(dim=1)
            named = {"top1": logits, **dict(zip(("top1_v", "top1_a"), alone, strict=False))}
            figures |= {
                name: (each.argmax(dim=1) == truth).float().mean() for name, each in named.items()
            }
            figures |= fusion_entropy(model, *inputs)
        return BatchLoss(loss=loss, figures=figures, lengths=lengths_of(logits))

    return step


def _validation(
    job: TrainJob, prepared: PreparedDataset, held_out: Sequence[ClipEntry]
) -> EpochCallback | None:
    config = cast(FinetuneConfig, job.config)
    if not held_out:
        return None
    reader = ClipReader(prepared, held_out, job.facts["mfcc"])
    audio = view_audio(config.train.protocol, reader, job.reader)
    scorer = Evaluator(
        EvalDataset(reader, config.clip, 1, 1, audio=audio),
        batch=max(1, config.train.batch_size // job.processes.world),
        workers=config.train.num_workers,
        device=job.device,
        precision=pick_precision(
            config.train.precision, job.device, is_sharded=config.train.sharding == "fsdp"
        ),
        processes=job.processes,
    )

    def end_epoch(trainer: Trainer, epoch: int, record: MetricLoggers | None) -> str:
        with trainer.averaged(), unsharded(job.model):
            scores = scorer.score(job.model, NullReporter(), "validation")
        figures = {"top1": scores.top(1), "loss": scores.cross_entropy()}
        before = BestEpoch(**job.best) if job.best else None
        best = update_best(before, **figures, epoch=epoch, step=trainer.step, clips=len(held_out))
        job.best = best.as_numbers()
        if best.epoch == epoch:
            with trainer.averaged():  # a checkpoint stores the model's own tensors
                checkpoint = job.checkpoint(trainer)
                if job.processes.is_rank0:
                    save_checkpoint(job.run.checkpoint_path("best"), checkpoint)
        if record is not None:
            record.write("validation", trainer.step, {"epoch": epoch, **figures})
        return f"val {figures['top1']:.3f} (best {best.top1:.3f})"

    return end_epoch
