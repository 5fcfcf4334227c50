"""Training that is killed (SIGKILL, the whole process group) at random steps and resumed each time,
beside training that is left alone: the same weights, bit for bit, and the same metrics.jsonl.

Runs are forked from this process, which has torch in memory, so that a kill costs no start of
Python. With `--processes 1 2` the run is resumed with one process, then with two, and so on (gloo);
losses are then the same to 1e-5, as sums are added up in another order. Other figures are told and
not judged: the length of a gradient that is all but zero is rounding alone.

    python benchmarks/kills.py data/ucf101 settings.yaml /tmp/kills --kills 20 --workers 2
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import from_yaml
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from avme.train.metrics.metric_meter import MEASURED

_LONGEST_SECONDS = 300.0


def main() -> None:
    told = _arguments()
    config = _settings(told.stage, told.settings.read_text(encoding="utf-8"), told.workers)
    whole, killed = told.work / "whole", told.work / "killed"

    began = time.monotonic()
    _wait(_start(1, config, told.data, whole, resume=False))
    alone = time.monotonic() - began
    lines = read_metrics(whole / "metrics.jsonl")
    total = max(line["step"] for line in lines)
    chance = random.Random(told.seed)
    steps = sorted(chance.sample(range(1, total), told.kills))
    landed, resumed = [], []
    counts = cycle(told.processes)
    for step in steps:
        group = _start(next(counts), config, told.data, killed, resume=_is_begun(killed))
        _wait_for(killed / "metrics.jsonl", step, group)
        time.sleep(chance.random() * 0.02)  # into the step, or into what is saved after it
        _kill(group)
        landed.append(len(read_metrics(killed / "metrics.jsonl")))
        resumed.append(_is_begun(killed))
    _wait(_start(next(counts), config, told.data, killed, resume=_is_begun(killed)))

    found = _compare(whole, killed)
    found |= {"kills": len(landed), "steps": total, "killed_at_lines": landed}
    found |= {"undisturbed_seconds": round(alone, 1)}
    found |= {"seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(found))
    exact = set(told.processes) == {1}
    if exact:
        good = found["same_weights"] and found["largest_difference"] == 0.0
    else:
        good = found["largest_difference_of_losses"] <= 1e-5
    sys.exit(0 if good and found["same_steps"] else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="prepared set")
    parser.add_argument("settings", type=Path, help="YAML file of settings")
    parser.add_argument("work", type=Path, help="new folder for the two runs")
    parser.add_argument("--stage", choices=("pretrain", "finetune"), default="pretrain")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _settings(stage: str, text: str, workers: int) -> PretrainConfig | FinetuneConfig:
    """As given, but that every step is logged, and nearly every one saved."""
    changes = {"num_workers": workers, "log_every": 1, "checkpoint_minutes": 1e-4}
    if stage == "finetune":
        fine = from_yaml(FinetuneConfig, text)
        return fine.model_copy(update={"train": fine.train.model_copy(update=changes)})
    pre = from_yaml(PretrainConfig, text)
    return pre.model_copy(update={"train": pre.train.model_copy(update=changes)})


def _start(
    world: int, config: PretrainConfig | FinetuneConfig, data: Path, out: Path, *, resume: bool
) -> list[int]:
    """The process ids of a run; the first one leads their group."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group: list[int] = []
    for rank in range(world):
        child = os.fork()
        if child:
            os.setpgid(child, group[0] if group else child)
            group.append(child)
            continue
        try:
            if world > 1:
                os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world)}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            if isinstance(config, FinetuneConfig):
                finetune(config, data=data, out=out, init=None, resume=resume, overwrite=not resume)
            else:
                pretrain(config, data=data, out=out, resume=resume, overwrite=not resume)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return group


def _wait(group: Sequence[int]) -> None:
    for child in group:
        if os.waitpid(child, 0)[1]:
            sys.exit("a run failed that nobody killed")


def _wait_for(record: Path, step: int, group: Sequence[int]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not record.is_file() or len(read_metrics(record)) < step:
        if os.waitpid(group[0], os.WNOHANG)[0] or time.monotonic() > deadline:
            sys.exit(f"the run ended, or hung, before line {step} of {record}")
        time.sleep(0.002)


def _kill(group: Sequence[int]) -> None:
    os.killpg(group[0], signal.SIGKILL)
    for child in group:
        os.waitpid(child, 0)


def _is_begun(run: Path) -> bool:
    return (run / "checkpoints" / "last.pt").is_file()


def _compare(whole: Path, killed: Path) -> dict[str, Any]:
    ours, theirs = (load_file(run / "weights.safetensors") for run in (killed, whole))
    here, there = (read_metrics(run / "metrics.jsonl") for run in (killed, whole))
    keys = [[(line["kind"], line["step"], sorted(line)) for line in each] for each in (here, there)]
    differences = {
        name: max(
            (
                abs(mine[name] - other[name]) / max(abs(other[name]), 1e-12)
                for mine, other in zip(here, there, strict=False)
                if name in mine and name in other
            ),
            default=0.0,
        )
        for name in {name for line in there for name in line} - {"kind", *MEASURED}
    }
    return {
        "same_weights": all(torch.equal(ours[name], theirs[name]) for name in theirs),
        "same_steps": keys[0] == keys[1],
        "largest_difference_of_losses": differences["loss"],
        "largest_difference": max(differences.values()),
    }


if __name__ == "__main__":
    main()
