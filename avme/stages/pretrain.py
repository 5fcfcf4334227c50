"""Pretraining: shards in, a pretrained encoder out (paper IV-B)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.config import PretrainConfig
from avme.data.protocol import describe_protocol, require_audio, select_clips
from avme.data.transforms import PretrainTransform
from avme.features.online import probe_each_epoch, require_held_out
from avme.models.autoencoder import MaeOutput, MaskedAutoencoder
from avme.models.build import Network
from avme.models.complexity import example_clip
from avme.models.masking import TubeMask
from avme.models.reconstruction_loss import in_both_units, reconstruction_loss
from avme.progress import NullReporter, Reporter
from avme.stages.page import write_page
from avme.stages.reconstruction_figures import reconstruct_each_epoch
from avme.stages.training import (
    Objective,
    Setup,
    build_job,
    dataset_facts,
    lengths_of,
    open_training_set,
)
from avme.train.batch_loss import BatchLoss, LossOf
from avme.train.job import EpochCallback, train
from avme.train.metrics.attention_entropy import fusion_entropy
from avme.train.metrics.loggers import MetricLoggers
from avme.train.trainer import Trainer
from avme.weights.load_into_model import load_into
from avme.weights.provenance import log_report, provenance_of, weights_for

STAGE = "pretrain"


def pretrain(
    config: PretrainConfig,
    *,
    data: Path,
    out: Path,
    init: Path | None = None,
    preset: str = "base",
    resume: bool = False,
    overwrite: bool = False,
    command: Sequence[str] = (),
    report: Reporter | None = None,
    checks_for: int | None = None,
) -> Path:
    """Train the masked autoencoder on the train list of a dataset; return the run folder.

    Args:
        config: Settings of the stage.
        data: Prepared dataset.
        out: Run folder.
        init: Weights to start from, if any.
        preset: Name of the preset, for the record.
        resume: Continue the run in `out`.
        overwrite: Replace the run in `out`.
        command: Command line, to be printed for resuming.
        report: Receives progress.
        checks_for: Number of ranks of a planned job: nothing is trained or written, but errors
            before its first step are raised, as far as this machine can tell.

    Raises:
        ArtifactError: The dataset is unfinished or the weights are damaged.
        UsageError: The folder is in use.
        MismatchError: The resumed run or the weights differ.
        StoppedBySignal: After SIGTERM or SIGUSR1.
    """
    prepared, split = open_training_set(config, data), config.clip.split
    weights = None if init is None else weights_for(config, init)
    protocol, listed = config.train.protocol, prepared.subset(split, "train")
    entries = select_clips(protocol, listed, f"{data}, split {split}, train")
    require_audio(protocol, entries, entries)
    require_held_out(config, entries)

    def initialize(model: Network, report: Reporter) -> None:
        if weights is not None:
            log_report(report, load_into(model, weights))

    setup = Setup(
        stage=STAGE,
        config=config,
        prepared=prepared,
        entries=entries,
        facts={
            **dataset_facts(prepared, config, preset),
            "init": provenance_of(weights, out if resume else None, "init"),
        },
        lists={"train": len(entries)},
        protocol=describe_protocol(protocol, listed, entries),
        start="from scratch" if init is None else f"from {init}",
        initialize=initialize,
        out=out,
        resume=resume,
        overwrite=overwrite,
    )
    if checks_for is not None:
        setup.require_possible(checks_for)
        return out

    def objective_of(model: Network, device: torch.device) -> Objective:
        return _objective(config, cast(MaskedAutoencoder, model), device)

    with build_job(setup, objective_of, command=command, report=report or NullReporter()) as job:
        callbacks = (reconstruct_each_epoch(job, prepared), probe_each_epoch(job, prepared))
        train(job, join_callbacks(*callbacks))
    if job.processes.is_rank0:
        write_page([job.run.folder], data, report or NullReporter())
    return job.run.folder


def join_callbacks(*callbacks: EpochCallback | None) -> EpochCallback | None:
    """Return a callback that calls those that are not None, in order, and joins their notes."""
    given = [each for each in callbacks if each is not None]
    if not given:
        return None

    def end_epoch(trainer: Trainer, epoch: int, record: MetricLoggers | None) -> str:
        return "  ".join(filter(None, [each(trainer, epoch, record) for each in given]))

    return end_epoch


def _objective(config: PretrainConfig, model: MaskedAutoencoder, device: torch.device) -> Objective:
    mask = TubeMask(model.grid, config.mask.ratio, config.mask.decoder_ratio)
    choice = mask(torch.zeros(1, dtype=torch.int64)).to(device)
    clip = example_clip(config.clip, config.model.audio.num_cepstra, device)
    return Objective(
        view=PretrainTransform(config.clip, config.crop),
        loss_of=reconstruction_step(config, mask),
        example=(*clip, choice, config.loss.tokens == "all"),
        derived={
            "grid": asdict(model.grid),
            "tokens": model.grid.tokens,
            "seen_tokens": choice.keep.shape[1],
            "predicted_tokens": choice.predict.shape[1],
            "effective_mask_ratio": mask.effective_ratio,
            "effective_decoder_ratio": 1.0 - mask.num_predicted / mask.num_hidden,
        },
    )


def reconstruction_step(config: PretrainConfig, mask: TubeMask) -> LossOf:
    """Build the loss: mask tubes and predict them.

    Logged steps add both MSEs, the PSNR and the entropy of the fusion's attention. `masked` in
    their names refers to predicted tokens; values over all tokens exist only if all are predicted.
    """
    target, on_all = config.loss.target, config.loss.tokens == "all"
    whole = config.mask.decoder_ratio == 0.0

    def step(model: nn.Module, batch: AVBatch, _: int, logged: bool) -> BatchLoss:
        choice = mask(batch.seed).to(batch.video.device)
        inputs = (batch.video, batch.mfcc, batch.audio_valid, choice)
        made = cast(MaeOutput, model(*inputs, on_all or (logged and whole)))
        pairs = {"masked": (made.prediction.hidden, made.hidden)}
        if made.prediction.seen is not None:
            predicted = torch.cat([made.prediction.hidden, made.prediction.seen], dim=1)
            pairs["all"] = (predicted, torch.cat([made.hidden, made.seen], dim=1))
        predicted, truth = pairs[config.loss.tokens]
        loss = reconstruction_loss(predicted, truth, target)
        figures: dict[str, Tensor] = {}
        if logged:
            with torch.no_grad():
                for index, pair in pairs.items():
                    both = in_both_units(*pair, target)
                    figures |= {f"{name}_{index}": value for name, value in both.items()}
            figures |= fusion_entropy(model, *inputs[:3], choice.keep)
        return BatchLoss(loss=loss, figures=figures, lengths=lengths_of(predicted))

    return step
