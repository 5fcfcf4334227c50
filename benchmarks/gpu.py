"""Everything about speed on one GPU, in one command, as a Markdown table with its name.

A step in bfloat16 with compiling off and on beside transformers', how that grows with the batch,
and a real run on a prepared set: what it reaches, and how long it waits for clips.

    python benchmarks/gpu.py data/ucf101 --batches 16 32 64 128
    python benchmarks/gpu.py data/small --device cpu --preset tiny --batches 2 --rounds 1
"""

import argparse
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

import avme
from avme.bench.step import HALF, OURS, WITH_AUDIO, StepJob, StepRow, bench_step, config_of
from avme.config.presets import preset
from avme.config.pretrain import PretrainConfig
from avme.config.resolve import resolve
from avme.io.atomic import write_text
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.complexity import count_gflop, example_clip
from avme.models.masking import TubeMask
from avme.progress import NullReporter
from avme.train.metrics.gpu_specs import peak_tflops
from avme.train.metrics.loggers import read_metrics

Table = list[list[str]]


def main() -> None:
    """Measures all of it and writes `gpu-<device>.md`."""
    told = parse()
    settings = preset("pretrain", told.preset)
    job = StepJob(
        config=resolve(PretrainConfig, preset=settings, sets=told.sets),
        batch=max(told.batches),
        device=told.device,
        precision="bf16",
        optimizer=True,
    )
    name = device_name(told.device)
    peak = told.peak_tflops or peak_tflops(name, torch.bfloat16, tf32=False)
    steps: Table = [["blocks", "", "batch", "clips/s", "ms", "ratio", "MFU, %", "MiB"]]
    for compiled in (False,) if told.eager else (False, True):
        for batch in told.batches:
            steps += step_rows(replace(job, batch=batch, compiled=compiled), told, peak)
    run = train(told)
    text = "\n".join(
        [
            f"# {name}",
            "",
            f"`{' '.join(['python', *sys.argv])}`",
            f"avme {avme.__version__}, torch {torch.__version__}, Python "
            f"{platform.python_version()}, {platform.system()}; preset {told.preset}, bf16, AdamW "
            f"in every step, {told.rounds} rounds of {told.steps} steps in turns, medians. ratio: "
            "to the first row of that batch. MFU: three times the forward FLOPs, of "
            f"{'an unknown peak' if peak is None else f'{peak:g} TFLOP/s'}.",
            "",
            *markdown(steps),
            "",
            "All of `avme pretrain` on prepared clips, median of all steps but the first:",
            "",
            *markdown(run),
            "",
        ]
    )
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    write_text(told.out / f"gpu-{slug}.md", text)
    print(text)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="a prepared set")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--preset", default="base")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="of a round")
    parser.add_argument("--epochs", type=int, default=2, help="of the real run")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--peak-tflops", type=float, help="of bf16, where the device is not known")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    return parser.parse_args()


def device_name(device: str) -> str:
    """What the maker calls it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return platform.processor() or platform.machine()


def step_rows(job: StepJob, told: argparse.Namespace, peak: float | None) -> Table:
    """A row for everybody at this batch, or one that says that it does not fit."""
    blocks = "compiled" if job.compiled else "eager"
    try:
        found = bench_step(
            job,
            against=["transformers"],
            rounds=told.rounds,
            steps=told.steps,
            report=NullReporter(),
        )
    except torch.OutOfMemoryError:
        return [[blocks, "does not fit", str(job.batch), *[""] * 5]]
    return [[blocks, *step_cells(row, job, peak)] for row in found.rows]


def step_cells(row: StepRow, job: StepJob, peak: float | None) -> list[str]:
    """What stands in a row beside whether it was compiled."""
    share = ""
    if peak is not None and row.name in (OURS, HALF, WITH_AUDIO):
        work = 3.0 * forward_gflop(config_of(row.name, job.config)) * row.clips_per_second
        share = f"{100.0 * work / (1000.0 * peak):.1f}"
    return [
        row.name,
        str(job.batch),
        f"{row.clips_per_second:.1f}",
        f"{1000.0 * row.seconds:.1f}",
        f"{row.ratio:.3f}",
        share,
        "" if row.memory_mb is None else f"{row.memory_mb:.0f}",
    ]


def forward_gflop(config: PretrainConfig) -> float:
    """Of one clip."""
    model = MaskedAutoencoder(config.model, config.clip)
    mask = TubeMask(model.grid, config.mask.ratio, config.mask.decoder_ratio)
    clip = example_clip(config.clip, config.model.audio.num_cepstra, torch.device("cpu"))
    return count_gflop(model, *clip, mask(torch.zeros(1, dtype=torch.int64)))


def train(told: argparse.Namespace) -> Table:
    """`avme pretrain` on the prepared set, of which every step is logged."""
    where = ["--gpus", "1"] if told.device == "cuda" else ["--device", "cpu"]
    with TemporaryDirectory(prefix="avme-gpu-") as made:
        out = Path(made, "run")
        batch, epochs = str(max(told.batches)), str(told.epochs)
        command = [sys.executable, "-m", "avme_cli", "--quiet", "pretrain", "--data", told.data]
        command += ["--out", out, "--preset", told.preset, "--batch", batch, "--epochs", epochs]
        command += ["--set", "train.log_every=1", *where]
        command += [part for one in told.sets for part in ("--set", one)]
        subprocess.run(command, check=True)
        lines = [line for line in read_metrics(out / "metrics.jsonl") if "step_ms" in line]
    return [
        ["batch", "steps", "clips/s", "step ms", "waiting for clips, %", "memory MiB"],
        [batch, str(len(lines)), *run_cells(lines[1:] or lines)],
    ]


def run_cells(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Medians over the lines of a run's metrics."""
    waits = median(line["data_wait_ms"] / line["step_ms"] for line in lines)
    rate, step, memory = (
        median(line[name] for line in lines)
        for name in ("clips_per_second", "step_ms", "memory_mb")
    )
    return [f"{rate:.1f}", f"{step:.1f}", f"{100.0 * waits:.1f}", f"{memory:.0f}"]


def markdown(table: Table) -> list[str]:
    """The first row as the header."""
    lines = [f"| {' | '.join(row)} |" for row in table]
    return [lines[0], "|" + "---|" * len(table[0]), *lines[1:]]


if __name__ == "__main__":
    main()
