"""`avme pretrain`: from a prepared set to a pretrained encoder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from . import launch, options, places

if TYPE_CHECKING:
    from avme.config.pretrain import PretrainConfig

EXAMPLES: Final = """Examples:
    avme pretrain --preset tiny
    avme pretrain --mask 0.9 --gpus 4
    avme pretrain --init videomae-base.pth
    avme pretrain --out runs/pretrain-ucf101 --resume"""

Out = Annotated[
    Path | None, typer.Option(help="Run folder to write.", show_default="runs/pretrain-<data>")
]
Mask = Annotated[
    float | None,
    typer.Option(help="Share of the picture that is hidden.", show_default="0.9"),
]
Fusion = Annotated[
    Literal["cross-attention", "concat", "none"] | None,
    typer.Option(
        metavar="KIND",
        help="How sound meets picture: cross-attention, concat, or none, which is VideoMAE.",
        show_default="cross-attention",
    ),
]
Preset = Annotated[
    options.Preset | None,
    typer.Option(help="Size and recipe.", show_default="base"),
]


def pretrain(
    ctx: typer.Context,
    data: options.Data = None,
    out: Out = None,
    preset: Preset = None,
    mask: Mask = None,
    fusion: Fusion = None,
    init: options.Init = None,
    epochs: options.Epochs = None,
    batch: options.Batch = None,
    lr: options.Lr = None,
    split: options.Split = None,
    seed: options.Seed = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    sets: options.Sets = None,
    gpus: options.Gpus = None,
    procs: options.Procs = None,
    device: options.Device = None,
    precision: options.Precision = None,
    workers: options.Workers = None,
) -> None:
    """Pretrain the masked autoencoder on a prepared set."""
    source = places.dataset(data)
    folder = out or places.RUNS / f"pretrain-{source.name}"
    flags = {
        "mask.ratio": mask,
        "model.fusion.kind": fusion,
        "train.device": launch.device_setting(device, gpus, procs),
        "train.epochs": epochs,
        "train.batch": batch,
        "optim.lr": lr,
        "clip.split": split,
        "train.seed": seed,
        "train.precision": precision,
        "train.workers": workers,
    }
    size, given = places.given_by(None if resume else init)
    base = places.earlier_settings(folder, resume) or given
    settings = _resolved(preset, config, sets, flags, base)
    if launch.spread(gpus, procs, folder):
        return

    from avme.stages.pretrain import pretrain as run

    finished = run(
        settings,
        data=source,
        out=folder,
        init=init,
        preset=preset or size or places.preset_of(folder if resume else None),
        resume=resume,
        overwrite=overwrite,
        command=["avme", *sys.argv[1:]],
        report=ctx.obj,
    )
    typer.echo(finished)


def _resolved(
    preset: options.Preset | None,
    config: Path | None,
    sets: list[str] | None,
    flags: dict[str, Any],
    earlier: dict[str, Any] | None,
) -> "PretrainConfig":
    from avme.config.presets import preset as settings_of
    from avme.config.pretrain import PretrainConfig
    from avme.config.resolve import resolve

    chosen = settings_of("pretrain", preset) if preset else None
    return resolve(
        PretrainConfig, preset=chosen, file=config, sets=sets or (), flags=flags, base=earlier
    )
