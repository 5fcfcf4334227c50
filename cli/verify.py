"""`avme verify`: check of a prepared dataset."""

from typing import Annotated, Final

import typer

from avme.errors import ArtifactError

from . import paths
from .options import DataArgument
from .terminal.output import print_line

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme verify
    avme verify ucf101 --all"""

Every = Annotated[bool, typer.Option("--all", help="Decode all frames of all clips.")]
Seed = Annotated[int, typer.Option(help="Seed that selects the decoded clip of each shard.")]


@app.command(epilog=_EXAMPLES)
def verify(
    ctx: typer.Context, data: DataArgument = None, every: Every = False, seed: Seed = 0
) -> None:
    """Check a dataset: hashes, clips, tables, and a sample of its frames.

    Nothing is written. Errors are printed line by line, then the commands that fix them (exit code
    5).
    """
    folder = paths.dataset(data, "DATA")

    from avme.stages.verify import verify as run

    found = run(folder, all_frames=every, seed=seed, report=ctx.obj)
    for warning in found.warnings:
        print_line(warning)
    if not found.problems:
        print_line(found.summary)
        return
    for line in (
        *map(str, found.problems),
        "fix it with",
        *(f"    {line}" for line in found.fix_commands),
    ):
        print_line(line)
    count = len(found.problems)
    problems = "1 problem" if count == 1 else f"{count} problems"
    raise ArtifactError(f"{folder} is broken: {problems}, named above")
