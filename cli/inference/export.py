"""`avme export`: a trained model as a folder for other programs."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from avme.export.requirements import require_packages

from .. import preflight
from ..terminal.output import print_line

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme export runs/finetune-ucf101-av
    avme export runs/finetune-ucf101-av --format onnx --out ucf101-onnx"""

Checkpoint = Annotated[Path, typer.Argument(metavar="CKPT", help="Run, checkpoint or weights.")]
Form = Annotated[
    Literal["safetensors", "torch-export", "onnx"],
    typer.Option(
        "--format",
        help="safetensors for avme, torch-export for PyTorch without avme, or onnx.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder to write; must not exist.",
        show_default="<run>/export/<format>",
    ),
]


@app.command(epilog=_EXAMPLES)
def export(
    ctx: typer.Context, checkpoint: Checkpoint, form: Form = "safetensors", out: Folder = None
) -> None:
    """Export a model with its metadata and a model card, and compare it with the model."""
    preflight.require_weights(checkpoint)
    require_packages(form)

    from avme.export.folder import export_model

    made = export_model(checkpoint, form, out, ctx.obj)
    ctx.obj.log(f"largest difference from the model: {made.max_difference:.2g}")
    if not made.has_evaluation:
        ctx.obj.log("the model card says `not evaluated`: run `avme eval`, then export again")
    print_line(made.folder)
