"""Job of a training stage: dataset, run folder and model, for pretraining and fine-tuning alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from avme.config import FinetuneConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.protocol import training_audio
from avme.data.transforms import TrainTransform
from avme.models.build import Network, build_model
from avme.progress import Reporter
from avme.shards.content_hashes import TRAIN_CONTENT, pack_hashes, read_hashes
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.train.batch_loss import LossOf
from avme.train.distributed.process_group import init_distributed, pick_device
from avme.train.job import TrainJob
from avme.train.metrics.wandb_run import require_wandb
from avme.train.run import folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a stage trains on, and where; nothing is built or written yet."""

    stage: str
    config: PretrainConfig | FinetuneConfig
    prepared: PreparedDataset
    entries: Sequence[ClipEntry]
    """Clips that are trained on."""
    facts: dict[str, Any]
    """Provenance of the data and weights, as of `dataset_facts` and by the stage."""
    lists: dict[str, int]
    """Number of clips by list: train, and validation and unused if present."""
    protocol: str
    """Effect of the protocol on the clips; empty if it has none."""
    start: str
    """Description of the initial weights of a new run."""
    initialize: Callable[[Network, Reporter], None]
    """Loads the initial weights of a new run."""
    out: Path
    resume: bool
    overwrite: bool

    def require_possible(self, world: int) -> None:
        """Raise the errors of a job of `world` ranks elsewhere; nothing is written."""
        folder.require_possible(
            self.config,
            self.facts,
            out=self.out,
            resume=self.resume,
            overwrite=self.overwrite,
            world=world,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a stage computes with its model."""

    view: TrainTransform
    loss_of: LossOf
    example: tuple[Any, ...]
    """Inputs of one clip for the model, to count its FLOPs."""
    derived: dict[str, Any]
    """Stage-specific entries of derived.json."""


def open_training_set(config: PretrainConfig | FinetuneConfig, data: Path) -> PreparedDataset:
    """Open the dataset.

    Raises ArtifactError if it is unfinished, SystemRequirementError without wandb.
    """
    if config.train.wandb is not None:
        require_wandb()
    return PreparedDataset.open(data)


def dataset_facts(
    prepared: PreparedDataset, config: PretrainConfig | FinetuneConfig, preset: str
) -> dict[str, Any]:
    """Return the provenance of a run's data, for its checkpoints.

    Args:
        prepared: Dataset.
        config: Settings of the stage, with split and protocol.
        preset: Name of the preset.
    """
    split = config.clip.split
    return {
        "preset": preset,
        "protocol": config.train.protocol,
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "train_list_sha256": prepared.list_sha256(split, "train"),
        TRAIN_CONTENT: pack_hashes(read_hashes(prepared, prepared.subset(split, "train")) or ()),
        "split": split,
        "mfcc": mfcc_facts(prepared, split),
    }


def mfcc_facts(prepared: PreparedDataset, split: str) -> dict[str, list[float]]:
    """Return mean and deviation of the MFCC normalization, for users of the weights."""
    mean, deviation = prepared.mfcc_statistics(split)
    return {"mean": mean.tolist(), "deviation": deviation.tolist()}


@contextmanager
def build_job(
    setup: Setup,
    objective_of: Callable[[Network, torch.device], Objective],
    *,
    command: Sequence[str],
    report: Reporter,
) -> Iterator[TrainJob]:
    """Join the process group, open the run folder and build the job, model included.

    On exit status.json of the run has the final state.

    Args:
        setup: Data, weights and run folder of the stage.
        objective_of: Returns what the stage computes with its model on a device.
        command: Command line, to be printed for resuming.
        report: Receives progress.

    Raises:
        ConfigError: Ranks cannot have equal shares, or a batch norm gets one clip.
        UsageError: The folder is in use.
        MismatchError: The resumed run has other settings or data.
        SystemRequirementError: Memory or disk space is short.
    """
    config, prepared = setup.config, setup.prepared
    device = pick_device(config.train.device)

    def build() -> Network:
        return build_model(config, len(prepared.classes))

    with (
        init_distributed(device) as processes,
        folder.running(
            setup.stage,
            config,
            setup.facts,
            out=setup.out,
            resume=setup.resume,
            overwrite=setup.overwrite,
            command=command,
            processes=processes,
            report=report,
        ) as run,
    ):
        run.require_fitting(build, config)
        torch.manual_seed(config.train.seed)
        model = build()
        if run.checkpoint is None:
            setup.initialize(model, run.report)
        model = model.to(device)
        objective = objective_of(model, device)
        reader = ClipReader(prepared, setup.entries, setup.facts["mfcc"])
        yield TrainJob(
            stage=setup.stage,
            config=config,
            facts=setup.facts,
            model=model,
            view=objective.view,
            loss_of=objective.loss_of,
            example=objective.example,
            derived=objective.derived,
            reader=reader,
            audio_of=training_audio(config.train.protocol, reader),
            prepared=prepared,
            lists=setup.lists,
            protocol=setup.protocol,
            start=setup.start,
            run=run,
            device=device,
            processes=processes,
        )


def lengths_of(prediction: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
    """Return the norm of the prediction per clip: not finite if its loss is not."""
    flat = prediction.detach().flatten(1)
    return cast(Tensor, torch.linalg.vector_norm(flat, dim=1, dtype=torch.float32))
