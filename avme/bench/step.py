"""Training-step benchmark: seconds per step on random clips, without data loading.

A step is a forward and a backward pass with the pretraining loss, and optionally AdamW. Clips are
on the device before timing starts: as bytes for avme, for transformers as the normalized floats
that it takes. All clips have audio, the most expensive case.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import torch
from torch import nn

from avme.batch import AVBatch
from avme.bench.random_batch import random_batch
from avme.bench.timing import Candidate, Timing, run_interleaved
from avme.bench.videomae import build_videomae, import_transformers, layers_of, why_no_transformers
from avme.config import PretrainConfig
from avme.errors import UsageError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TubeMask
from avme.progress import Reporter
from avme.stages.pretrain import reconstruction_step
from avme.train.batch_loss import LossOf
from avme.train.compile import compile_blocks, compile_parts
from avme.train.distributed.process_group import autocast
from avme.train.optim import build_optimizer

TRANSFORMERS: Final = "transformers"
OURS: Final = "avme"
HALF: Final = "avme, half decoded"
WITH_AUDIO: Final = "avme with audio"
ROWS: Final = (OURS, HALF, WITH_AUDIO)
_WARM_UP = 2
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepJob:
    """Conditions shared by all candidates."""

    config: PretrainConfig
    """The audio-visual model. The others are the same without audio, one of them with half of the
    masked tokens decoded (`mask.decoder_ratio` 0.5)."""
    batch: int
    device: str
    precision: Literal["fp32", "bf16"] = "fp32"
    compiled: bool = False
    optimizer: bool = False
    """Include the AdamW update in a step."""
    threads: int | None = None
    """CPU threads of a step; None is torch's default."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """Result of one candidate: medians over the rounds, and the fastest and slowest round."""

    name: str
    clips_per_second: float
    seconds: float
    """Wall time of one step."""
    fastest: float
    slowest: float
    core_seconds: float
    """CPU seconds of one step; not meaningful for a GPU."""
    core_fastest: float
    core_slowest: float
    ratio: float
    """Relative to the seconds of the first row."""
    core_ratio: float
    memory_mb: float | None
    """Peak memory of weights, gradients, clips and activations beyond that before the step; None if
    unknown."""
    memory_ratio: float | None


@dataclass(frozen=True, slots=True)
class StepBench:
    """Result table with its conditions."""

    rows: tuple[StepRow, ...]
    absent: dict[str, str]
    """Unavailable baselines, with reasons."""
    threads: int


def bench_step(
    job: StepJob, *, against: Sequence[str], rounds: int, steps: int, report: Reporter
) -> StepBench:
    """Time `steps` steps per round, candidates interleaved.

    Args:
        job: Shared conditions.
        against: Names of baselines.
        rounds: Number of rounds.
        steps: Steps per round.
        report: Receives progress.

    Raises:
        UsageError: Unknown baselines.
        SystemRequirementError: The device or a compiler is missing.
    """
    unknown = [name for name in against if name != TRANSFORMERS]
    if unknown:
        raise UsageError(f"unknown baseline {unknown[0]!r}: expected {TRANSFORMERS}")
    absent = {name: why for name in against if (why := why_no_transformers()) is not None}
    names = [*(name for name in against if name not in absent), *ROWS]
    before = torch.get_num_threads()
    torch.set_num_threads(job.threads or before)
    try:
        peaks = [_peak_bytes(name, replace(job, threads=torch.get_num_threads())) for name in names]
        contenders = [Candidate(name, _build(name, job)) for name in names]
        scores = run_interleaved(
            contenders, pieces=steps, rounds=rounds, warm_up=_WARM_UP, report=report
        )
        threads = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    rows = tuple(
        _row(score, scores[0], steps, job.batch, peak, peaks[0])
        for score, peak in zip(scores, peaks, strict=True)
    )
    return StepBench(rows, absent, threads)


def config_of(name: str, config: PretrainConfig) -> PretrainConfig:
    """Return the settings of one avme row; transformers has those of the first."""
    if name == WITH_AUDIO:
        return config
    fusion = config.model.fusion.model_copy(update={"kind": "none"})
    mask = config.mask.model_copy(update={"decoder_ratio": 0.5}) if name == HALF else config.mask
    return config.model_copy(
        update={"mask": mask, "model": config.model.model_copy(update={"fusion": fusion})}
    )


def _build(name: str, job: StepJob) -> Callable[[int], object]:
    """Build the step of a candidate, which returns after the device has finished."""
    device = torch.device(job.device)
    precision = torch.bfloat16 if job.precision == "bf16" else torch.float32
    config = config_of(name, job.config)
    batch = random_batch(config, job.batch, device)
    torch.manual_seed(0)
    model, loss_of = _model_of(name, config, batch)
    model.to(device).train()
    if job.compiled and name == TRANSFORMERS:
        compile_parts(layers_of(model), device)
    elif job.compiled:
        compile_blocks(model, device)
    optimizer = build_optimizer(model, config.optim, config.model.visual.depth)

    def work(piece: int) -> object:
        with autocast(device, precision):
            made = loss_of(model, batch, piece, False)
        torch.autograd.backward(made.loss)
        if job.optimizer:
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return made

    return work


def _model_of(name: str, config: PretrainConfig, batch: AVBatch) -> tuple[nn.Module, LossOf]:
    if name == TRANSFORMERS:
        return build_videomae(config, batch)
    model = MaskedAutoencoder(config.model, config.clip)
    mask = TubeMask(model.grid, config.mask.ratio, config.mask.decoder_ratio)
    return model, reconstruction_step(config, mask)


def _peak_bytes(name: str, job: StepJob) -> int | None:
    """Measure the peak memory of two steps; on a CPU in a fresh process."""
    if job.device == "cuda":
        return _peak_on_gpu(name, job)
    if not _STATUS.exists():
        return None
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        return alone.submit(_peak_here, name, job).result()


def _peak_on_gpu(name: str, job: StepJob) -> int:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work = _build(name, job)
    for piece in range(_WARM_UP):
        work(piece)
    return torch.cuda.max_memory_allocated() - before


def _peak_here(name: str, job: StepJob) -> int:
    torch.set_num_threads(job.threads or 1)
    if name == TRANSFORMERS:
        import_transformers()  # an import takes memory too
    before = _status_bytes("VmRSS")
    work = _build(name, job)
    for piece in range(_WARM_UP):
        work(piece)
    return _status_bytes("VmHWM") - before


def _status_bytes(key: str) -> int:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _row(
    score: Timing, first: Timing, steps: int, clips: int, peak: int | None, first_peak: int | None
) -> StepRow:
    return StepRow(
        name=score.name,
        clips_per_second=clips * steps / score.median_wall_seconds,
        seconds=score.median_wall_seconds / steps,
        fastest=min(score.wall_seconds) / steps,
        slowest=max(score.wall_seconds) / steps,
        core_seconds=score.median_core_seconds / steps,
        core_fastest=min(score.core_seconds) / steps,
        core_slowest=max(score.core_seconds) / steps,
        ratio=score.median_wall_seconds / first.median_wall_seconds,
        core_ratio=score.median_core_seconds / first.median_core_seconds,
        memory_mb=None if peak is None else peak / 2**20,
        memory_ratio=peak / first_peak if peak and first_peak else None,
    )
