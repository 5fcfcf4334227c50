"""Options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

_SETTINGS = "Settings"
MACHINE = "Machine"
_FOLDER = "Run folder"

Preset: TypeAlias = Literal[
    "tiny",
    "small-cpu",
    "small",
    "base",
    "large",
    "paper",
    "videomae-ucf101",
    "videomae-k400-small",
    "videomae-k400",
    "videomae-k400-e800",
    "videomae-k400-large",
    "digits",
    "demo",
]

Data = Annotated[
    str | None,
    typer.Option(
        help="Dataset: a folder, or a name under data/.", show_default="the only one in data/"
    ),
]
CheckpointData = Annotated[
    str | None,
    typer.Option(
        help="Dataset: a folder, or a name under data/.",
        show_default="that of CKPT, or the only one in data/",
    ),
]
DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="Dataset: a folder, or a name under data/.",
        show_default="the only one in data/",
    ),
]
Split = Annotated[str | None, typer.Option(help="Name of the split.", show_default="1")]
Protocol = Annotated[
    Literal["all", "audio-only", "donor", "visual", "constant"] | None,
    typer.Option(
        metavar="NAME",
        help="Clips and their audio: all, audio-only, donor, visual, or constant.",
        show_default="all",
    ),
]

Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the run in --out.", rich_help_panel=_FOLDER)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the content of --out.", rich_help_panel=_FOLDER)
]

Init = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Initial weights: VideoMAE's .pth, a Hugging Face folder, or avme's."
    ),
]
Classes = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Names of the classes in the order of the head that --init brings: one a line, "
        "classInd.txt, or JSON.",
    ),
]

Epochs = Annotated[int | None, typer.Option(help="Number of epochs.")]
Batch = Annotated[
    int | None, typer.Option(help="Batch size: clips per optimizer step over all devices.")
]
Lr = Annotated[float | None, typer.Option(help="Base learning rate for a batch size of 256.")]
Seed = Annotated[int | None, typer.Option(help="Random seed.", show_default="0")]
Wandb = Annotated[
    str | None,
    typer.Option(metavar="PROJECT", help="Log to this Weights & Biases project too."),
]

Config = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file of settings.", rich_help_panel=_SETTINGS),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any setting, as in clip.image_size=112; repeatable. "
        "`avme config show` lists them.",
        rich_help_panel=_SETTINGS,
    ),
]

Gpus = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="GPUs on this machine; starts torchrun.", rich_help_panel=MACHINE
    ),
]
Procs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="CPU processes on this machine; starts torchrun.",
        rich_help_panel=MACHINE,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Device.", show_default="auto", rich_help_panel=MACHINE),
]
Precision = Annotated[
    Literal["auto", "bf16", "fp16", "fp32"] | None,
    typer.Option(help="Compute precision.", show_default="auto", rich_help_panel=MACHINE),
]
Compile = Annotated[
    bool | None,
    typer.Option(
        "--compile",
        help="Compile the transformer blocks.",
        show_default="off",
        rich_help_panel=MACHINE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(help="Worker processes that load or prepare clips.", rich_help_panel=MACHINE),
]
