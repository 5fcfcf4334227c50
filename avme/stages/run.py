"""What every training stage does around its loop: open the run folder, say what it is, go on.

The folder holds config.yaml (as resolved), derived.json (what follows from it), command.txt,
env.json, train.log, metrics.jsonl, tb/, checkpoints/, weights.safetensors and status.json.
"""

import importlib.metadata
import json
import logging
import os
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import avme
from avme.artifacts import open_run, replacing, write_json, write_status, write_text
from avme.config import Settings, TrainConfig
from avme.config.resolve import to_yaml
from avme.errors import MismatchError, Stopped
from avme.models.flops import count_flops
from avme.report import Quiet, Reporter
from avme.train.checkpoint import Checkpoint, newest_checkpoint
from avme.train.processes import Processes

_MAY_CHANGE = {
    f"train.{name}"
    for name in (
        "workers",
        "device",
        "micro_batch",
        "checkpointing",
        "log_every",
        "checkpoint_minutes",
        "keep_every",
        "keep",
        "pictures_every",
        "wandb",
    )
}
_PACKAGES = ("torch", "torchvision", "torchaudio", "numpy", "h5py", "av", "python_speech_features")


@dataclass(frozen=True, slots=True)
class Run:
    """An open run folder and the checkpoint that it goes on from, if any."""

    folder: Path
    checkpoint: Checkpoint | None

    def checkpoint_path(self, name: str) -> Path:
        """Where the checkpoint `name` (last, best, step-N) lies."""
        return self.folder / "checkpoints" / f"{name}.pt"


def begin_run(
    stage: str,
    config: Settings,
    facts: Mapping[str, Any],
    *,
    out: Path,
    resume: bool,
    overwrite: bool,
    command: Sequence[str],
    processes: Processes,
    report: Reporter,
) -> Run:
    """Opens the folder and writes what is known before the first step.

    Raises MismatchError where a run that is to go on was started with other settings or data.
    """

    def open_() -> Path:
        folder = open_run(out, resume=resume, overwrite=overwrite)
        if not resume:
            write_text(folder / "config.yaml", to_yaml(config))
            write_status(folder, stage, "running")
        return folder

    folder = processes.first(open_)
    checkpoint = None
    if resume:
        checkpoint = newest_checkpoint(folder, report.say if processes.is_first else Quiet().say)
        _require_same(checkpoint, config, facts, folder)
    if processes.is_first:
        write_status(folder, stage, "running")
        with (folder / "command.txt").open("a", encoding="utf-8") as file:
            file.write(shlex.join(command) + "\n")
        write_json(folder / "env.json", environment())
    return Run(folder, checkpoint)


@contextmanager
def watched(run: Run, stage: str, processes: Processes) -> Iterator[None]:
    """Logs to train.log and keeps status.json true, whatever ends the block."""
    if not processes.is_first:
        yield
        return
    handler = logging.FileHandler(run.folder / "train.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("avme")
    logger.addHandler(handler)
    try:
        yield
        write_status(run.folder, stage, "finished")
    except (Stopped, KeyboardInterrupt) as error:
        write_status(run.folder, stage, "stopped", reason=str(error) or "interrupted")
        raise
    except BaseException as error:
        logger.error("%s: %s", type(error).__name__, error)
        write_status(run.folder, stage, "failed", reason=f"{type(error).__name__}: {error}")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


def environment() -> dict[str, Any]:
    """Versions and the machine, for whoever wants to repeat the run."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    return {
        "avme": avme.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def export_weights(folder: Path, model: nn.Module, metadata: Mapping[str, Any]) -> None:
    """weights.safetensors: the model alone, loadable without avme."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with replacing(folder / "weights.safetensors") as temporary:
        save_file(tensors, temporary, {"avme": json.dumps(dict(metadata))})


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Learned numbers by part, and in all."""
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
    return {"all": sum(parameter.numel() for parameter in model.parameters())} | parts


def count_gflop(model: nn.Module, *inputs: Any) -> float:
    """Forward GFLOP of one call, a multiplication and an addition counted as two."""
    return count_flops(model, *inputs, backward=False).forward / 1e9


def micro_batch_of(train: TrainConfig, processes: Processes) -> int:
    """Clips that a device works on at a time."""
    share = train.batch // processes.world
    return min(train.micro_batch or share, share)


def _require_same(
    checkpoint: Checkpoint, config: Settings, facts: Mapping[str, Any], folder: Path
) -> None:
    before = _flat(checkpoint.config) | _flat({"data": checkpoint.facts})
    now = _flat(config.model_dump(mode="json")) | _flat({"data": dict(facts)})
    differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    differing = [key for key in differing if key not in _MAY_CHANGE]
    if differing:
        found = ", ".join(f"{key} {before.get(key)} -> {now.get(key)}" for key in differing[:5])
        raise MismatchError(
            f"{folder} was started with other settings or data ({found}): resume with the same, "
            "or start another run with --out"
        )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat
