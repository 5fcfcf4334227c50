"""`avme weights`: inspect and convert weight files."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from . import preflight
from .terminal.output import print_line

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Inspect and convert weights of avme, VideoMAE and Hugging Face.",
    epilog="Example:\n    avme weights inspect videomae-base.pth",
)

File = Annotated[
    Path,
    typer.Argument(help="A .pth, .pt, .bin or .safetensors file, a Hugging Face or run folder."),
]
Out = Annotated[Path, typer.Argument(help="File or folder to write; must not exist.")]
Form = Annotated[
    Literal["official", "huggingface", "avme"],
    typer.Option(
        "--to", help="Format: official (.pth), huggingface (folder) or avme (.safetensors)."
    ),
]
_CONVERT: Final = """Examples:
    avme weights convert videomae-base.pth videomae-base --to huggingface
    avme weights convert runs/pretrain-ucf101 mine.pth --to official"""


@app.command(epilog="Example:\n    avme weights inspect videomae-base.pth")
def inspect(file: File) -> None:
    """Show form, sizes, precision, classes and positions; unexpected tensors are an error."""
    preflight.require_weights(file)

    from avme.weights.inspect_file import describe_weights
    from avme.weights.load import read_weights

    for name, value in describe_weights(read_weights(file)):
        print_line(f"{name:<18} {value}")


@app.command(epilog=_CONVERT)
def convert(ctx: typer.Context, file: File, out: Out, to: Form) -> None:
    """Convert weights to another format, and list mapped and dropped tensors.

    VideoMAE's and Hugging Face's formats hold the video model only.
    """
    from avme.weights.output_path import require_output

    preflight.require_weights(file)
    require_output(out, to)

    from avme.weights.export import write_weights
    from avme.weights.load import read_weights

    for line in write_weights(read_weights(file), out, to).lines():
        ctx.obj.log(line)
    print_line(out)
