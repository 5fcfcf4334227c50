"""k-NN probe during pretraining: how well features classify clips that are held out by group.

Both lists come from the train list; the test list is never read during training. All ranks extract
features; rank 0 scores them. Random states are unchanged.
"""

from typing import cast

import numpy as np
import torch

from avme.config import PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import view_audio
from avme.errors import ConfigError
from avme.features.extract import ClipFeatures, FeatureExtractor
from avme.features.knn import score_neighbors
from avme.features.linear_probe import HELD_OUT, SEED
from avme.features.tokens import stages_of
from avme.models.autoencoder import MaskedAutoencoder
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.sources.split_strategies import hold_out
from avme.train.distributed.fsdp import unsharded
from avme.train.distributed.process_group import pick_precision
from avme.train.job import EpochCallback, TrainJob
from avme.train.metrics.loggers import MetricLoggers
from avme.train.trainer import Trainer

NEIGHBORS = 20
_SHORT = {"visual": "v", "audio": "a", "fused": "av"}


def require_held_out(config: PretrainConfig, entries: tuple[ClipEntry, ...]) -> None:
    """Raise ConfigError if a probe is set and no group of the train list can be held out."""
    if config.train.probe_every_epochs and not hold_out(entries, HELD_OUT, SEED)[1]:
        raise ConfigError(
            "train.probe_every_epochs: no group of the train list can be held out, as each is too "
            "large a part of its class: set it to 0"
        )


def probe_each_epoch(job: TrainJob, prepared: PreparedDataset) -> EpochCallback | None:
    """Return a callback that probes every `train.probe_every_epochs` epochs and after the last.

    None if no probe is set.
    """
    config = cast(PretrainConfig, job.config)
    every, epochs = config.train.probe_every_epochs, config.train.epochs
    if not every:
        return None
    model, entries = cast(MaskedAutoencoder, job.model), job.reader.entries
    held = {entry.id for entry in hold_out(entries, HELD_OUT, SEED)[1]}
    is_held = np.array([entry.id in held for entry in entries], dtype=np.bool_)
    label = np.array([entry.label for entry in entries], dtype=np.int64)
    reader = ClipReader(prepared, entries, job.facts["mfcc"])
    audio = view_audio(config.train.protocol, reader, job.reader)
    extractor = FeatureExtractor(
        EvalDataset(reader, config.clip, 1, 1, audio=audio),
        stages=stages_of(model),
        pool="mean",
        slots=model.grid.slots,
        batch=max(1, config.train.batch_size // job.processes.world),
        workers=config.train.num_workers,
        device=job.device,
        precision=pick_precision(
            config.train.precision, job.device, is_sharded=config.train.sharding == "fsdp"
        ),
        processes=job.processes,
    )

    def end_epoch(trainer: Trainer, epoch: int, record: MetricLoggers | None) -> str:
        if epoch % every and epoch != epochs:
            return ""
        with (
            trainer.averaged(),
            unsharded(job.model),
            torch.compiler.set_stance("force_eager"),  # windows without a mask have another shape
        ):
            found = extractor.gather(model)
        if record is None:
            return ""
        figures = knn_figures(found, label, is_held, len(prepared.classes))
        record.write("validation", trainer.step, {"epoch": epoch, **figures})
        shown = (
            f"{_SHORT[name.removeprefix('knn_')]} {top1:.3f}" for name, top1 in figures.items()
        )
        return f"knn {' '.join(shown)}"

    return end_epoch


def knn_figures(
    found: ClipFeatures, label: np.ndarray, is_held: np.ndarray, num_classes: int
) -> dict[str, float]:
    """Return k-NN top-1 of the clips held out, by stage: `knn_visual` and so on.

    Features of audio are scored on clips with usable audio; without any in either list they are
    absent.

    Args:
        found: Features of all clips of the train list.
        label: Their classes, shape (n,).
        is_held: True for clips held out, shape (n,).
        num_classes: Number of classes.
    """
    figures = {}
    for stage, features in found.features.items():
        counted = found.has_audio if stage == "audio" else np.ones(len(label), dtype=np.bool_)
        train, test = counted & ~is_held, counted & is_held
        if not (train.any() and test.any()):
            continue
        scores = score_neighbors(
            features[train],
            label[train],
            features[test],
            label[test],
            neighbors=(NEIGHBORS,),
            num_classes=num_classes,
        )
        figures[f"knn_{stage}"] = scores[NEIGHBORS].top(1)
    return figures
