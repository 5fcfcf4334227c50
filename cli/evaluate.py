"""`avme eval`: top-k of a classifier."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from . import next_command, options, paths, preflight
from .multi_value import ManyIntegers
from .terminal.output import print_line, verbatim

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme eval runs/finetune-ucf101-av --topk 1 5
    avme eval runs/finetune-ucf101-av/checkpoints/best.pt --segments 1 --crops 1
    avme eval --init videomae-ucf101.pth --classes ucfTrainTestlist/classInd.txt
    avme eval runs/finetune-ucf101-av --subset audio --modality v
    avme eval runs/finetune-ucf101-av --overwrite"""

_BY_AUDIO: Final = {
    "audible": "audible clips",
    "silent": "clips with a silent track",
    "none": "clips without a track",
}

Checkpoint = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CKPT]",
        help="Fine-tuning run, one of its checkpoints, or its weights.safetensors.",
    ),
]
Init = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Published classifier instead of CKPT: VideoMAE's .pth, or a Hugging Face folder.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Dataset: a folder, or a name under data/.",
        show_default="that of CKPT, or the only one in data/",
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
    Literal["av", "v", "a"] | None,
    typer.Option(
        help="Inputs of an av classifier: v gives it no audio, a blank frames.",
        show_default="that of CKPT",
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
    checkpoint: Checkpoint = None,
    init: Init = None,
    classes: options.Classes = None,
    data: Data = None,
    split: options.Split = None,
    topk: TopK = None,
    segments: Segments = None,
    crops: Crops = None,
    list_: List = None,
    subset: Subset = None,
    modality: Modality = None,
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

    trained = paths.classifier(checkpoint, init)
    preflight.require_class_names(classes)
    source = None if data is None else paths.dataset(data)
    flags = {
        "topk": topk or None,
        "segments": segments,
        "crops": crops,
        "list": list_,
        "subset": subset,
        "modality": modality,
        "batch_size": batch,
        "device": device,
        "precision": precision,
        "num_workers": workers,
    }
    settings = resolve(EvalConfig, file=config, sets=sets or (), flags=flags)
    preflight.require_split(source or paths.own_dataset(trained), split)
    preflight.require_device(settings.device)

    from avme.stages.evaluate import evaluate as run

    result = run(
        trained,
        names=classes,
        data=source,
        split=split,
        config=settings,
        out=out,
        overwrite=overwrite,
        report=ctx.obj,
        tell=lambda summary: print_table(summary, settings.topk),
    )
    print_line(result.folder)
    next_command.log_next(ctx.obj, "audit", next_command.set_name(result.dataset))


def print_table(summary: dict[str, Any], topk: tuple[int, ...]) -> None:
    from rich.table import Table

    views = " x ".join(str(count) for count in summary["views"].values())
    modality = summary["modality"]
    if modality != summary["trained_modality"]:
        modality += f" of {summary['trained_modality']}"
    title = f"split {summary['split']}, modality {modality}, {views} views a clip"
    table = Table()
    table.add_column("clips")
    table.add_column("n", justify="right")
    scored = [k for k in dict.fromkeys(topk) if f"top{k}" in summary]
    for k in scored:
        table.add_column(f"top-{k}", justify="right")
        table.add_column("95 %", justify="right")
    rows = [("all clips", summary), ("all clips, center view", summary["center_view"])]
    if summary["subset"] != "all":
        title += f", {summary['subset']} clips only"
    for name, row in [*rows, *summary["by_audio"].items()]:
        cells = [cell for k in scored for cell in _cells(row, f"top{k}")]
        table.add_row(_BY_AUDIO.get(name, name), str(row["n"]), *cells)
    console = verbatim()
    console.print(title)  # a table's own title would wrap at the table's width
    console.print(table)
    method = summary["interval_method"]
    print_line(f"intervals: bootstrap over {method['groups']} {method['unit']}s")
    print_line(summary["signature"])


def _cells(row: dict[str, Any], metric: str) -> tuple[str, str]:
    low, high = row["intervals"][metric]
    return f"{100 * row[metric]:.2f} %", f"{100 * low:.1f} to {100 * high:.1f}"
