"""Comparison of a resumed run with the new command: allowed changes and refusals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avme.checkpoint.file import Checkpoint
from avme.config import Settings
from avme.config.dotted_keys import flatten
from avme.errors import MismatchError
from avme.io.shell_quote import join_command
from avme.message_text import some_of
from avme.train.distributed.process_group import Distributed
from avme.train.run.extend import FACT

_MAY_CHANGE = {
    f"train.{name}"
    for name in (
        "num_workers",
        "device",
        "micro_batch_size",
        "activation_checkpointing",
        "sharding",
        "log_every",
        "checkpoint_minutes",
        "save_every_epochs",
        "max_saved",
        "log_images_every_epochs",
        "probe_every_epochs",
        "wandb",
        "epochs",
    )
}
_SLURM = "slurm"
_EPOCHS = "train.epochs"
_MOST_PASTED = 250
"""Maximum characters of a command in an error line."""
_MOST_NAMED = 5
_MOST_SHOWN = 60


def changed_settings(
    checkpoint: Checkpoint, config: Settings, facts: Mapping[str, Any], folder: Path
) -> list[str]:
    """Return `key old -> new` for every changed setting that may change.

    Args:
        checkpoint: Checkpoint that is resumed.
        config: New settings.
        facts: New metadata.
        folder: Run folder, for messages.

    Raises:
        MismatchError: Settings or data differ that affect the training result.
    """
    known = {key: value for key, value in checkpoint.facts.items() if key != FACT}
    # Slurm settings do not belong to a run.
    learnt = {key: value for key, value in checkpoint.config.items() if key != _SLURM}
    before = learnt | {"data": known}
    now = config.model_dump(mode="json") | {"data": dict(facts)}
    changed = {
        key: text for key, text in changes(before, now).items() if not key.startswith(f"{_SLURM}.")
    }
    if _EPOCHS in changed:  # the warm-up of the original run stays
        changed.pop("optim.warmup_epochs", None)
    refused = [text for key, text in changed.items() if key not in _MAY_CHANGE]
    if refused:
        raise MismatchError(
            f"{folder} was started with other settings or data "
            f"({some_of(refused, _MOST_NAMED)}): resume with the same, or start another run "
            "with --out"
        )
    return list(changed.values())


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return `key old -> new` by dotted key, for values that differ; a tuple equals a list."""
    before, now = _as_json(before), _as_json(now)
    return {
        key: f"{key} {_short(before.get(key))} -> {_short(now.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    }


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in flatten(settings).items()
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def resume_advice(command: Sequence[str], processes: Distributed, folder: Path) -> str:
    """Return the command that resumes, unless torchrun or srun started the process.

    A command that is too long for an error line is replaced by the name of its file.

    Args:
        command: Command line of the run.
        processes: Process group.
        folder: Run folder.
    """
    is_whole = processes.world == 1 or any(
        word.split("=")[0] in ("--gpus", "--procs") for word in command
    )
    if not (command and is_whole):
        return "continue with the same command and --resume"
    kept = [word for word in command if word not in ("--overwrite", "--resume")]
    line = join_command([*kept, "--resume"])
    if len(line) > _MOST_PASTED:
        return f"continue with the command in {folder / 'command.txt'} and --resume"
    return f"continue with: {line}"
