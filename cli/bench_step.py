"""`avme bench step`: a training step, relative to VideoMAE of transformers."""

from typing import Annotated, Final, Literal

import typer

from . import options
from .terminal.output import print_line
from .terminal.table import Json, Rounds, print_json, print_table

EXAMPLES: Final = """Examples:
    avme bench step --against transformers
    avme bench step --precision bf16 --compile --batch 64 --optimizer"""

MODELS: Final = ("transformers",)

Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Baselines: transformers.", show_default="if it is installed"
    ),
]
Size = Annotated[options.Preset, typer.Option(help="Preset of the model size.")]
Mask = Annotated[float, typer.Option(help="Mask ratio: fraction of tokens that is masked.")]
Batch = Annotated[int, typer.Option(min=1, help="Clips per step.")]
Steps = Annotated[int, typer.Option(min=1, help="Steps per round.")]
Exact = Annotated[Literal["fp32", "bf16"], typer.Option(help="Compute precision.")]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the transformer blocks of all candidates.")
]
Optimizer = Annotated[bool, typer.Option("--optimizer", help="Include the AdamW update in a step.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads of a step.", show_default="all"),
]


def step(
    ctx: typer.Context,
    against: Models = None,
    preset: Size = "base",
    mask: Mask = 0.9,
    batch: Batch = 2,
    precision: Exact = "fp32",
    compiled: Compile = False,
    optimizer: Optimizer = False,
    rounds: Rounds = 7,
    steps: Steps = 1,
    device: options.Device = None,
    threads: Threads = None,
    sets: options.Sets = None,
    as_json: Json = False,
) -> None:
    """Time a pretraining step, forward and backward, on random clips on the device.

    Ratios are relative to the first row. Memory is the peak of model, gradients and step.
    """
    from avme.bench.step import StepJob, bench_step
    from avme.config.presets import preset as settings_of
    from avme.config.pretrain import PretrainConfig
    from avme.config.resolve import resolve
    from avme.train.distributed.process_group import pick_device

    job = StepJob(
        config=resolve(
            PretrainConfig,
            preset=settings_of("pretrain", preset),
            sets=sets or (),
            flags={"mask.ratio": mask},
        ),
        batch=batch,
        device=pick_device(device or "auto").type,
        precision=precision,
        compiled=compiled,
        optimizer=optimizer,
        threads=threads,
    )
    found = bench_step(
        job, against=against or list(MODELS), rounds=rounds, steps=steps, report=ctx.obj
    )
    if as_json:
        print_json(found.rows)
        return
    print_table(
        f"{preset}, mask {mask:g}, {precision}, batch {batch}, {job.device}, "
        f"{found.threads} threads, {rounds} rounds",
        (
            "",
            "clips/s",
            "seconds",
            "fastest",
            "slowest",
            "ratio",
            "core s",
            "ratio",
            "MiB",
            "ratio",
        ),
        [
            (
                row.name,
                f"{row.clips_per_second:.2f}",
                f"{row.seconds:.3f}",
                f"{row.fastest:.3f}",
                f"{row.slowest:.3f}",
                f"{row.ratio:.3f}",
                f"{row.core_seconds:.3f}",
                f"{row.core_ratio:.3f}",
                "" if row.memory_mb is None else f"{row.memory_mb:.0f}",
                "" if row.memory_ratio is None else f"{row.memory_ratio:.3f}",
            )
            for row in found.rows
        ],
    )
    ours, with_audio = found.rows[-3], found.rows[-1]
    print_line(f"a step with audio takes {with_audio.seconds / ours.seconds:.3f} of one without")
    for name, reason in found.absent.items():
        print_line(f"{name}: {reason}")
