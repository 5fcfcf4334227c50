"""`avme finetune`: a pretrained encoder to a classifier."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from avme.errors import UsageError

from . import next_command, options, paths, preflight
from .shared_options import sharing
from .terminal.output import print_line
from .train_options import Training

if TYPE_CHECKING:
    from avme.config.finetune import FinetuneConfig

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme finetune
    avme finetune --from runs/pretrain-ucf101 --modality v
    avme finetune --init videomae-base-finetuned.pth --modality v
    avme finetune --from scratch --preset tiny --set model.fusion.kind=concat"""

_WINDOW: Final = ("clip.image_size", "clip.num_frames", "clip.frame_stride")
"""Settings that `--from` fixes and `--init` leaves free."""

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Pretraining run, checkpoint, or scratch.",
        show_default="newest finished pretrain run of the set",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Run folder to write; --protocol adds its name to the default.",
        show_default="runs/finetune-<data>-<modality>",
    ),
]
Modality = Annotated[
    Literal["av", "v", "a"] | None,
    typer.Option(help="Modalities: av (video and audio), v, or a.", show_default="av"),
]
ValFraction = Annotated[
    float | None,
    typer.Option(
        help="Fraction of the train list held out to select the best epoch.", show_default="0.1"
    ),
]
Preset = Annotated[
    options.Preset | None,
    typer.Option(
        metavar="NAME",
        help="Preset: recipe, and from scratch the model size; see `avme config list`.",
        show_default="as pretrained",
    ),
]


@app.command(epilog=_EXAMPLES)
@sharing(Training)
def finetune(
    training: Training,
    start: From = None,
    init: options.Init = None,
    classes: options.Classes = None,
    out: Out = None,
    preset: Preset = None,
    modality: Modality = None,
    val_fraction: ValFraction = None,
) -> None:
    """Fine-tune a pretrained encoder to classify the clips of a dataset."""
    from avme.config.finetune import FinetuneConfig

    resume = training.resume
    source = paths.dataset_to_train_on(training.data, out, resume=resume)
    if init and start:
        raise UsageError("--from and --init exclude each other: give one")
    if classes and not init:
        raise UsageError("--classes names the rows of the head that --init brings: give both")
    given = training.preflight(FinetuneConfig, source)
    protocol = given.get("train.protocol")
    suffix = paths.protocol_suffix(protocol)
    if protocol == "visual" and "modality" not in given:
        modality = modality or "v"
    preflight.require_weights(init)
    preflight.require_class_names(classes)
    chosen = paths.pretrained(start, source) if start or not (resume or init) else None
    earlier_run = chosen.path if chosen else None
    implied = preset or (paths.preset_of(earlier_run) if earlier_run else None)
    reads = modality or paths.modality_of(implied)
    if resume and not (modality or implied):
        reads = paths.find_modality(source.name, suffix)
    folder = out or paths.RUNS / f"finetune-{source.name}-{reads}{suffix}"
    flags = {
        "modality": modality,
        "val_fraction": val_fraction,
        **training.flags(),
    }
    size, fixed = paths.settings_from_weights(None if resume else init)
    base = (
        paths.earlier_settings(folder, resume)
        or paths.settings_from_checkpoint(earlier_run)
        or fixed
    )
    recipe = preset or size or paths.preset_of(folder if resume else earlier_run, resume=resume)
    settings = _resolved(training, preset, None if resume else recipe, flags, base)
    preflight.require_split(source, settings.clip.split)
    if earlier_run:
        _refuse_other_model(settings, earlier_run)

    def begin(checks_for: int | None = None) -> Path:
        from avme.stages.finetune import finetune as run

        return run(
            settings,
            data=source,
            out=folder,
            init=earlier_run,
            weights=init,
            names=classes,
            preset=recipe,
            resume=resume,
            overwrite=training.overwrite,
            command=["avme", *sys.argv[1:]],
            report=training.ctx.obj,
            checks_for=checks_for,
        )

    if training.elsewhere(folder, settings, begin):
        return
    if earlier_run or init:
        training.ctx.obj.log(f"starting from {chosen or init}")
    finished = begin()
    print_line(finished)
    next_command.after_finetune(training.ctx.obj, finished, source)


def _resolved(
    training: Training,
    preset: str | None,
    recipe: str | None,
    flags: dict[str, Any],
    base: dict[str, Any],
) -> "FinetuneConfig":
    """Resolve settings: an explicit preset sets everything, an implied one not the model."""
    from avme.config.finetune import FinetuneConfig
    from avme.config.presets import preset as settings_of
    from avme.config.resolve import resolve

    chosen = None
    if preset:
        chosen = settings_of("finetune", preset)
    elif recipe:
        chosen = settings_of("finetune", recipe, only_recipe=True)
    return resolve(
        FinetuneConfig,
        preset=chosen,
        file=training.config,
        sets=training.sets or (),
        flags=flags,
        base=base,
    )


def _refuse_other_model(settings: "FinetuneConfig", init: Path) -> None:
    from avme.config.resolve import refuse_contradictions

    fixed, run = paths.settings_from_checkpoint(init), str(init)
    other_window = f"give --init {init}, which takes another window, instead of --from"
    refuse_contradictions(settings, fixed, ("model",), run)
    refuse_contradictions(settings, fixed, _WINDOW, run, other_window)
