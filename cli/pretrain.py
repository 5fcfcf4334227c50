"""`avme pretrain`: a prepared dataset to a pretrained encoder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from . import next_command, options, paths, preflight
from .shared_options import sharing
from .terminal.output import print_line
from .train_options import Training

if TYPE_CHECKING:
    from avme.config.pretrain import PretrainConfig

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme pretrain --preset tiny
    avme pretrain --mask 0.9 --gpus 4
    avme pretrain --init videomae-base.pth
    avme pretrain --out runs/pretrain-ucf101 --resume"""

Out = Annotated[
    Path | None,
    typer.Option(
        help="Run folder to write; --protocol adds its name to the default.",
        show_default="runs/pretrain-<data>",
    ),
]
Mask = Annotated[
    float | None,
    typer.Option(help="Mask ratio: fraction of tokens that is masked.", show_default="0.9"),
]
DecoderRatio = Annotated[
    float | None,
    typer.Option(
        help="Fraction of masked tokens that the decoder skips; 0.5 saves a third of the "
        "cost at mask 0.9.",
        show_default="0.0",
    ),
]
Fusion = Annotated[
    Literal["cross-attention", "concat", "none"] | None,
    typer.Option(
        metavar="KIND",
        help="Fusion of video and audio: cross-attention, concat, or none (VideoMAE).",
        show_default="cross-attention",
    ),
]
Preset = Annotated[
    options.Preset | None,
    typer.Option(
        metavar="NAME",
        help="Preset: model size and recipe; see `avme config list`.",
        show_default="base",
    ),
]


@app.command(epilog=_EXAMPLES)
@sharing(Training)
def pretrain(
    training: Training,
    out: Out = None,
    preset: Preset = None,
    mask: Mask = None,
    decoder_ratio: DecoderRatio = None,
    fusion: Fusion = None,
    init: options.Init = None,
) -> None:
    """Pretrain the masked autoencoder on a dataset."""
    from avme.config.pretrain import PretrainConfig

    resume = training.resume
    source = paths.dataset_to_train_on(training.data, out, resume=resume)
    given = training.preflight(PretrainConfig, source)
    preflight.require_weights(init)
    protocol = given.get("train.protocol")
    folder = out or paths.RUNS / f"pretrain-{source.name}{paths.protocol_suffix(protocol)}"
    if protocol == "visual" and "model.fusion.kind" not in given:
        fusion = fusion or "none"
    flags = {
        "mask.ratio": mask,
        "mask.decoder_ratio": decoder_ratio,
        "model.fusion.kind": fusion,
        **training.flags(),
    }
    size, fixed = paths.settings_from_weights(None if resume else init)
    base = paths.earlier_settings(folder, resume) or fixed
    recipe = preset or size or paths.preset_of(folder if resume else None, resume=resume)
    settings = _resolved(training, preset, flags, base)
    preflight.require_split(source, settings.clip.split)

    def begin(checks_for: int | None = None) -> Path:
        from avme.stages.pretrain import pretrain as run

        return run(
            settings,
            data=source,
            out=folder,
            init=init,
            preset=recipe,
            resume=resume,
            overwrite=training.overwrite,
            command=["avme", *sys.argv[1:]],
            report=training.ctx.obj,
            checks_for=checks_for,
        )

    if training.elsewhere(folder, settings, begin):
        return

    from avme.config.presets import RECIPES

    if preset and not (init or resume) and (weights := RECIPES[preset].starts_from):
        training.ctx.obj.log(f"without --init from scratch; preset {preset} begins with {weights}")
    finished = begin()
    print_line(finished)
    next_command.after_pretrain(training.ctx.obj, finished, source, settings)


def _resolved(
    training: Training,
    preset: options.Preset | None,
    flags: dict[str, Any],
    earlier: dict[str, Any] | None,
) -> "PretrainConfig":
    from avme.config.presets import preset as settings_of
    from avme.config.pretrain import PretrainConfig
    from avme.config.resolve import resolve

    chosen = settings_of("pretrain", preset) if preset else None
    return resolve(
        PretrainConfig,
        preset=chosen,
        file=training.config,
        sets=training.sets or (),
        flags=flags,
        base=earlier,
    )
