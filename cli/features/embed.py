"""`avme embed`: features of clips to a file."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from .. import next_command
from ..shared_options import sharing
from ..terminal.output import print_line
from .options import Checkpoint, Computing, StageOption

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme embed runs/pretrain-ucf101
    avme embed runs/finetune-ucf101-av --stage audio --pool slots --list test --out audio.h5"""

Lists = Annotated[
    Literal["all", "train", "test"], typer.Option("--list", help="List of the split.")
]
File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="HDF5 file to write.",
        show_default="in <run>/features/, named after dataset, split, list, checkpoint and stage",
    ),
]


@app.command(epilog=_EXAMPLES)
@sharing(Computing)
def embed(
    common: Computing,
    checkpoint: Checkpoint,
    lists: Lists = "all",
    stage: StageOption = None,
    out: File = None,
) -> None:
    """Write features of every clip of a list to an HDF5 file."""
    common.check(checkpoint)

    from avme.stages.features.embed import embed as run

    options = common.chosen(stage=stage)
    path = run(checkpoint, lists=lists, options=options, out=out, report=common.ctx.obj)
    print_line(path)
    if lists == "all":
        next_command.log_next(common.ctx.obj, "knn", path)
