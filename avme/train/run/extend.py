"""Resuming with another number of epochs: recorded history and learning-rate schedule.

The metadata of a checkpoint contain `extended`: the original warm-up and epochs, and for every
change its step and the new number of epochs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avme.checkpoint.file import Checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json
from avme.train.schedule import Schedule, build_schedule

FACT = "extended"


def history_of(
    checkpoint: Checkpoint | None, config: PretrainConfig | FinetuneConfig
) -> dict[str, Any] | None:
    """Return the history of changed epochs; None if they never changed."""
    if checkpoint is None:
        return None
    before = checkpoint.config
    old: dict[str, Any] | None = checkpoint.facts.get(FACT)
    if config.train.epochs == before["train"]["epochs"]:
        return old
    began = old or {
        "warmup_epochs": before["optim"]["warmup_epochs"],
        "epochs": before["train"]["epochs"],
        "changes": [],
    }
    change = [checkpoint.step, config.train.epochs]
    return began | {"changes": [*began["changes"], change]}


def schedule_of(
    config: PretrainConfig | FinetuneConfig,
    history: Mapping[str, Any] | None,
    steps_per_epoch: int,
) -> Schedule:
    """Build the schedule of a run; raises ValueError if a change leaves no step.

    Args:
        config: Settings of the stage.
        history: History of changed epochs, if any.
        steps_per_epoch: Steps per epoch.
    """
    optim, train = config.optim, config.train
    if history is None:
        return build_schedule(optim, train.batch_size, train.epochs, steps_per_epoch)
    first = optim.model_copy(update={"warmup_epochs": history["warmup_epochs"]})
    schedule = build_schedule(first, train.batch_size, history["epochs"], steps_per_epoch)
    for step, epochs in history["changes"]:
        schedule = schedule.bent(step, epochs * steps_per_epoch)
    return schedule


def require_steps_left(
    config: PretrainConfig | FinetuneConfig,
    checkpoint: Checkpoint,
    folder: Path,
) -> str | None:
    """Describe the effect of changed epochs on the learning rate; None if unchanged.

    Args:
        config: New settings.
        checkpoint: Checkpoint that is resumed.
        folder: Run folder, for messages.

    Raises:
        UsageError: The new end is before the run's step or within its warm-up, or the rate has
            already reached zero.
    """
    history, step = history_of(checkpoint, config), checkpoint.step
    if config.train.epochs == checkpoint.config["train"]["epochs"]:
        return None
    steps_per_epoch = read_json(folder / "derived.json").get("steps_per_epoch")
    if type(steps_per_epoch) is not int or steps_per_epoch < 1:
        raise ArtifactError(
            f"{folder / 'derived.json'} lacks the number of steps per epoch: resume with the "
            "previous number of epochs, which rewrites it"
        )
    another = (
        f"start another run from its weights, with a warm-up and a cosine of its own: --init "
        f"{folder} --out NEW"
    )
    try:
        schedule = schedule_of(config, history, steps_per_epoch)
    except ValueError:
        raise UsageError(
            f"--epochs {config.train.epochs} ends at step {config.train.epochs * steps_per_epoch:,}"
            f", and {folder} is at step {step:,} or in its warm-up until then: give more epochs, "
            f"or {another}"
        ) from None
    rate = schedule.rate(step)
    if rate <= 0.0:
        raise UsageError(
            f"{folder} has ended at a learning rate of 0, so more epochs have no effect: {another}"
        )
    if rate > schedule.floor:
        return f"the learning rate continues from {rate:.3g} to {schedule.floor:.3g} at the new end"
    return f"the learning rate stays at {rate:.3g}, where the run has ended; or {another}"
