"""Numbers derived from settings before training: learning rates, steps, tokens, operations.

Nothing is computed: the network is built on the meta device, which only has shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets.recipe import DatasetFacts
from avme.data.sampler import SampleOrder
from avme.models.autoencoder import grid_of
from avme.models.build import build_model
from avme.models.complexity import Flops, count_flops, count_parameters, example_clip
from avme.models.masking import Grid, TubeMask
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.sources.split_strategies import divide_train_list
from avme.train.schedule import build_schedule

Training = PretrainConfig | FinetuneConfig


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """Number of clips of a train list that are trained on, held out, and not used."""

    trained: int
    held_out: int = 0
    unused: int = 0
    is_estimate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Length of a run."""

    clips: int
    """Clips of the train list that are trained on."""
    held_out: int
    """Held-out clips of the train list that choose the best epoch."""
    unused: int
    """Clips of the train list that `label_fraction` leaves out."""
    is_estimate: bool
    """True if the numbers of clips are approximate, because the list is not available."""
    per_epoch: int
    warmup: int
    total: int
    windows: int
    """Total windows seen, repeats included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Numbers derived from the settings of a stage, and from the number of clips if known."""

    peak_rate: float
    last_rate: float
    """Learning rate at the end of the cosine."""
    layer_rates: tuple[float, ...]
    """Peak rates of the embedding, of every block from the input up, and of all later layers."""
    grid: Grid
    mask: TubeMask | None
    """None in fine-tuning, which masks nothing."""
    flops: Flops
    """Operations for one clip with audio."""
    parameters: dict[str, int]
    steps: Steps | None


def derive(settings: Training, num_classes: int, clips: DatasetSize | None = None) -> Derived:
    """Derive all numbers.

    Args:
        settings: Settings of a training stage.
        num_classes: Number of classes.
        clips: Training clips, as counted by `training_clips`.

    Raises:
        ConfigError: The mask hides everything or nothing.
    """
    train, optim = settings.train, settings.optim
    steps = None if clips is None else _steps(settings, clips)
    schedule = build_schedule(
        optim, train.batch_size, train.epochs, steps.per_epoch if steps else 1
    )
    layers = settings.model.visual.depth + 2
    with torch.device("meta"):
        model = build_model(settings, num_classes)
        inputs = example_clip(settings.clip, settings.model.audio.num_cepstra, torch.device("meta"))
    grid, mask = grid_of(settings.model, settings.clip), None
    extra: tuple[object, ...] = ()
    if isinstance(settings, PretrainConfig):
        mask = TubeMask(grid, settings.mask.ratio, settings.mask.decoder_ratio)
        extra = (mask(torch.zeros(1, dtype=torch.int64)), settings.loss.tokens == "all")
    return Derived(
        peak_rate=schedule.peak,
        last_rate=schedule.floor,
        layer_rates=tuple(
            schedule.peak * optim.layer_decay ** (layers - 1 - layer) for layer in range(layers)
        ),
        grid=grid,
        mask=mask,
        flops=count_flops(model, *inputs, *extra),
        parameters=count_parameters(model),
        steps=steps,
    )


def training_clips(settings: Training, listed: DatasetFacts) -> DatasetSize:
    """Count the training clips of a preset's list, without the list itself.

    Exact with all labels if the preset knows what its `val_fraction` and seed hold out, else an
    estimate.
    """
    if not isinstance(settings, FinetuneConfig):
        return DatasetSize(listed.train)
    whole = _without_held_out(settings, listed)
    if settings.label_fraction == 1.0:
        return whole
    drawn = max(listed.classes, round(settings.label_fraction * whole.trained))
    drawn = min(drawn, whole.trained)
    return DatasetSize(drawn, whole.held_out, whole.trained - drawn, is_estimate=True)


def _without_held_out(settings: FinetuneConfig, listed: DatasetFacts) -> DatasetSize:
    if settings.val_fraction == 0.0:
        return DatasetSize(listed.train)
    usual = FinetuneConfig()
    asked = settings.val_fraction, settings.train.seed, settings.clip.split
    if listed.held_out is not None and asked == (
        usual.val_fraction,
        usual.train.seed,
        usual.clip.split,
    ):
        return DatasetSize(listed.train - listed.held_out, listed.held_out)
    held_out = round(settings.val_fraction * listed.train)
    return DatasetSize(listed.train - held_out, held_out, is_estimate=True)


def training_clips_of(settings: Training, data: Path) -> tuple[DatasetSize, int]:
    """Return (training clips, number of classes) of a prepared dataset.

    Raises ArtifactError for an unfinished dataset.
    """
    prepared = PreparedDataset.open(data)
    entries = prepared.subset(settings.clip.split, "train")
    held_out: Sequence[ClipEntry] = ()
    unused: Sequence[ClipEntry] = ()
    if isinstance(settings, FinetuneConfig):
        entries, held_out, unused = divide_train_list(entries, settings)
    return DatasetSize(len(entries), len(held_out), len(unused)), len(prepared.classes)


def _steps(settings: Training, clips: DatasetSize) -> Steps:
    train, num_clips = settings.train, clips.trained
    order = SampleOrder(
        num_clips=num_clips, batch=train.batch_size, seed=train.seed, repeat=train.repeat
    )
    schedule = build_schedule(settings.optim, train.batch_size, train.epochs, order.steps_per_epoch)
    return Steps(
        clips=num_clips,
        held_out=clips.held_out,
        unused=clips.unused,
        is_estimate=clips.is_estimate,
        per_epoch=order.steps_per_epoch,
        warmup=schedule.warmup_steps,
        total=schedule.total_steps,
        windows=schedule.total_steps * train.batch_size,
    )
