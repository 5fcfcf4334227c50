"""`avme eval`: top-k of a classifier."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from .. import next_command, options, paths, preflight
from ..multi_value import ManyIntegers
from ..terminal.output import print_line
from .control_tables import print_control_runs, print_controls
from .eval_tables import print_runs, print_table

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme eval runs/finetune-ucf101-av --topk 1 5
    avme eval runs/finetune-ucf101-av/checkpoints/best.pt --segments 1 --crops 1
    avme eval --init videomae-ucf101.pth --classes ucfTrainTestlist/classInd.txt
    avme eval runs/finetune-ucf101-av --subset audio --modality v
    avme eval runs/finetune-ucf101-av --audio shuffle
    avme eval runs/finetune-ucf101-av --controls
    avme eval runs/finetune-ucf101-av --overwrite
    avme eval runs/seed0 runs/seed1 runs/seed2
    avme eval runs/split1 runs/split2 runs/split3 --split 1 2 3"""

Checkpoints = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[CKPT ...]",
        help="Fine-tuning run, one of its checkpoints, or its weights.safetensors. Several are "
        "scored one after the other: seeds of one split, or one run for each split.",
    ),
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split",
        metavar="NAME ...",
        help="Name of the split; several for one run each.",
        show_default="that of CKPT",
    ),
]
Init = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Published classifier instead of CKPT: VideoMAE's .pth, or a Hugging Face folder.",
    ),
]
TopK = Annotated[
    list[int] | None, typer.Option(min=1, metavar="K ...", help="Values of k.", show_default="1 5")
]
Segments = Annotated[int | None, typer.Option(help="Temporal segments per clip.", show_default="5")]
Crops = Annotated[int | None, typer.Option(help="Spatial crops per segment.", show_default="3")]
List = Annotated[
    Literal["test", "train"] | None,
    typer.Option("--list", help="List of the split to score.", show_default="test"),
]
Subset = Annotated[
    Literal["all", "audio", "silent"] | None,
    typer.Option(
        help="Clips to score: all, those with audible audio, or the others.", show_default="all"
    ),
]
Modality = Annotated[
    Literal["av", "v", "a", "product"] | None,
    typer.Option(
        help="Inputs of an av classifier: v gives it no audio, a blank frames. Unimodal heads: "
        "that head, or the product of both.",
        show_default="that of CKPT",
    ),
]
Audio = Annotated[
    str | None,
    typer.Option(
        metavar="MODE",
        help="Audio of the clips: real, null, silence, noise@SNR, shuffle, shuffle-within-class, "
        "offset=S, donor or presence-swap.",
        show_default="real",
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(
        metavar="MODE",
        help="Frames of the clips: real, static, shuffle, reverse, mean or blank.",
        show_default="real",
    ),
]
Degrade = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND[=1..5]",
        help="Degradation of frames or audio, such as jpeg=3; may be repeated. With --controls, "
        "KIND is all five severities.",
        show_default="none",
    ),
]
Controls = Annotated[
    bool,
    typer.Option(
        "--controls",
        help="Score a battery of these modes, and judge what the accuracy relies on.",
    ),
]
Batch = Annotated[int | None, typer.Option(help="Clips per batch and device.", show_default="8")]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder to write.",
        show_default="in <run>/eval/, named after the settings",
    ),
]


@app.command("eval", cls=ManyIntegers, epilog=_EXAMPLES)
def evaluate(
    ctx: typer.Context,
    checkpoints: Checkpoints = None,
    init: Init = None,
    classes: options.Classes = None,
    data: options.CheckpointData = None,
    split: Splits = None,
    topk: TopK = None,
    segments: Segments = None,
    crops: Crops = None,
    list_: List = None,
    subset: Subset = None,
    modality: Modality = None,
    audio: Audio = None,
    frames: Frames = None,
    degrade: Degrade = None,
    controls: Controls = False,
    batch: Batch = None,
    out: Out = None,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    sets: options.Sets = None,
    device: options.Device = None,
    precision: options.Precision = None,
    workers: options.Workers = None,
) -> None:
    """Score a fine-tuned classifier on every clip of a list, with several views per clip."""
    from avme.config.evaluate import EvalConfig
    from avme.config.resolve import resolve

    chosen = paths.classifiers(checkpoints or [], init)
    trained, splits = chosen[0], split or []
    preflight.require_class_names(classes)
    source = None if data is None else paths.dataset(data)
    flags = {
        "topk": topk or None,
        "segments": segments,
        "crops": crops,
        "list": list_,
        "subset": subset,
        "modality": modality,
        "audio": audio,
        "frames": frames,
        "degrade": degrade or None,
        "controls": controls or None,
        "batch_size": batch,
        "device": device,
        "precision": precision,
        "num_workers": workers,
    }
    settings = resolve(EvalConfig, file=config, sets=sets or (), flags=flags)
    scored = source or paths.own_dataset(trained)
    for name in splits:
        preflight.require_split(scored, name)
    preflight.require_modes(settings.audio, settings.frames, settings.degrade)
    preflight.require_device(settings.device)

    if len(chosen) > 1 or len(splits) > 1:
        from avme.stages.evaluate_runs import evaluate_runs

        made = evaluate_runs(
            chosen,
            splits=splits,
            names=classes,
            data=source,
            config=settings,
            out=out,
            overwrite=overwrite,
            report=ctx.obj,
        )
        print_runs(made.summary)
        if "controls_summary" in made.summary:
            print_control_runs(made.summary["controls_summary"])
        print_line(made.file)
        return

    from avme.stages.evaluate import evaluate as run

    result = run(
        trained,
        names=classes,
        data=source,
        split=splits[0] if splits else None,
        config=settings,
        out=out,
        overwrite=overwrite,
        report=ctx.obj,
        tell=lambda summary: print_table(summary, settings.topk),
        tell_controls=print_controls,
    )
    print_line(result.folder)
    next_command.log_next(ctx.obj, "audit", next_command.set_name(result.dataset))
