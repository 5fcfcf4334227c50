"""`avme demo`: all stages on a small synthetic dataset."""

from pathlib import Path
from typing import Annotated, Final

import typer

from . import next_command, options
from .terminal.output import print_line, verbatim

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = "Example:\n    avme demo --out avme-demo"

Out = Annotated[Path, typer.Option(help="Folder to write.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]


@app.command(epilog=_EXAMPLES)
def demo(
    ctx: typer.Context,
    out: Out = Path("avme-demo"),
    seed: Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Create a small audio-visual dataset and run every stage on it: minutes on a CPU."""
    from rich.table import Table

    from avme.stages.demo import demo as run

    result = run(out, overwrite=overwrite, seed=seed, report=ctx.obj)
    table = Table("what", "top-1", "top-5")
    for name, top1, top5 in result.rows:
        table.add_row(name, f"{100 * top1:.1f} %", f"{100 * top5:.1f} %")
    verbatim().print(table)
    for picture in result.pictures:
        print_line(picture)
    if result.page is not None:
        print_line(result.page)
    next_command.log_next(ctx.obj, "audit", out / "data" / "demo")
