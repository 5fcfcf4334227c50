"""Pretraining: shards in, a pretrained encoder out (paper IV-B)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.config import PretrainConfig
from avme.data.dataset import ClipReader
from avme.data.transforms import PretrainTransform
from avme.models.autoencoder import MaeOutput, MaskedAutoencoder
from avme.models.example_input import example_clip
from avme.models.masking import TubeMask
from avme.models.reconstruction_loss import in_both_units, reconstruction_loss
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pictures import picture_epochs
from avme.train.distributed.process_group import init_distributed, pick_device
from avme.train.job import TrainJob, train
from avme.train.metrics.attention_entropy import fusion_entropy
from avme.train.metrics.wandb_run import require_wandb
from avme.train.run.folder import require_possible, running
from avme.train.trainer import BatchLoss, LossOf
from avme.weights.init_from import log_report, provenance_of, weights_for
from avme.weights.initialize import load_into

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
    report = report or NullReporter()
    if config.train.wandb is not None:
        require_wandb()
    prepared = PreparedDataset.open(data)
    weights = None if init is None else weights_for(config, init)
    split = config.clip.split
    entries = prepared.subset(split, "train")
    facts: dict[str, Any] = {
        "preset": preset,
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "train_list_sha256": prepared.list_sha256(split, "train"),
        "split": split,
        "mfcc": mfcc_facts(prepared, split),
        "init": provenance_of(weights, out if resume else None, "init"),
    }
    if checks_for is not None:
        require_possible(
            config, facts, out=out, resume=resume, overwrite=overwrite, world=checks_for
        )
        return out
    device = pick_device(config.train.device)
    with (
        init_distributed(device) as processes,
        running(
            STAGE,
            config,
            facts,
            out=out,
            resume=resume,
            overwrite=overwrite,
            command=command,
            processes=processes,
            report=report,
        ) as run,
    ):
        run.require_fitting(lambda: MaskedAutoencoder(config.model, config.clip), config)
        torch.manual_seed(config.train.seed)
        model = MaskedAutoencoder(config.model, config.clip)
        if run.checkpoint is None and weights is not None:
            log_report(run.report, load_into(model, weights))
        model = model.to(device)
        mask = TubeMask(model.grid, config.mask.ratio, config.mask.decoder_ratio)
        choice = mask(torch.zeros(1, dtype=torch.int64)).to(device)
        job = TrainJob(
            stage=STAGE,
            config=config,
            facts=facts,
            model=model,
            view=PretrainTransform(config.clip, config.crop),
            loss_of=reconstruction_step(config, mask),
            example=(
                *example_clip(config.clip, config.model.audio.num_cepstra, device),
                choice,
                config.loss.tokens == "all",
            ),
            derived={
                "grid": asdict(model.grid),
                "tokens": model.grid.tokens,
                "seen_tokens": choice.keep.shape[1],
                "predicted_tokens": choice.predict.shape[1],
                "effective_mask_ratio": mask.effective_ratio,
                "effective_decoder_ratio": 1.0 - mask.num_predicted / mask.num_hidden,
            },
            reader=ClipReader(prepared, entries, facts["mfcc"]),
            prepared=prepared,
            lists={"train": len(entries)},
            start="from scratch" if init is None else f"from {init}",
            run=run,
            device=device,
            processes=processes,
        )
        train(job, picture_epochs(job, prepared))
    return run.folder


def mfcc_facts(prepared: PreparedDataset, split: str) -> dict[str, list[float]]:
    """Return mean and deviation of the MFCC normalization, for users of the weights."""
    mean, deviation = prepared.mfcc_statistics(split)
    return {"mean": mean.tolist(), "deviation": deviation.tolist()}


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
                for place, pair in pairs.items():
                    both = in_both_units(*pair, target)
                    figures |= {f"{name}_{place}": value for name, value in both.items()}
            figures |= fusion_entropy(model, *inputs[:3], choice.keep)
        return BatchLoss(loss=loss, figures=figures, lengths=lengths_of(predicted))

    return step


def lengths_of(prediction: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    """Return the norm of the prediction per clip: not finite if its loss is not."""
    flat = prediction.detach().flatten(1)
    return cast(Tensor, torch.linalg.vector_norm(flat, dim=1, dtype=torch.float32))
