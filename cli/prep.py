"""`avme prep`: from a folder of videos to a prepared set."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from . import places
from .options import Config, Sets, Workers

app = typer.Typer(
    no_args_is_help=True,
    help="Turn a folder of videos into a prepared set; run again, it does only what is missing.",
    epilog="Example:\n    avme prep ucf101 /data/UCF-101",
)

_UCF101: Final = """Examples:
    avme prep ucf101 /data/UCF-101
    avme prep ucf101 UCF-101 --splits ucfTrainTestlist --workers 8"""
_FOLDER: Final = """Examples:
    avme prep folder videos
    avme prep folder videos --name pets --set short_side=240"""

Videos = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of class folders of videos.")]
Name = Annotated[str | None, typer.Option(help="Name of the set, for --data.")]
Out = Annotated[Path | None, typer.Option(help="Folder to write.", show_default="data/<name>")]
Splits = Annotated[
    Path | None,
    typer.Option(help="Folder of split lists.", show_default="in or beside DIR"),
]
MaxBad = Annotated[
    float | None,
    typer.Option(help="Share of clips that may be quarantined.", show_default="0.1"),
]


@app.command(epilog=_UCF101)
def ucf101(
    ctx: typer.Context,
    source: Videos,
    name: Name = None,
    out: Out = None,
    splits: Splits = None,
    max_bad: MaxBad = None,
    workers: Workers = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Prepare UCF-101, or videos laid out and named as it is.

    Official split lists in or beside DIR are used; without them the splits follow from the groups.
    """
    target = places.set_folder(out, name, "ucf101")
    _prepare(ctx, "ucf101", source, target, splits, max_bad, workers, config, sets)


@app.command(epilog=_FOLDER)
def folder(
    ctx: typer.Context,
    source: Videos,
    name: Name = None,
    out: Out = None,
    splits: Splits = None,
    max_bad: MaxBad = None,
    workers: Workers = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Prepare any folder with one folder of videos per class."""
    target = places.set_folder(out, name, source.resolve().name)
    _prepare(ctx, "folder", source, target, splits, max_bad, workers, config, sets)


def _prepare(
    ctx: typer.Context,
    layout: Literal["ucf101", "folder"],
    source: Path,
    target: Path,
    splits: Path | None,
    max_bad: float | None,
    workers: int | None,
    config: Path | None,
    sets: list[str] | None,
) -> None:
    from avme.config.prep import PrepConfig
    from avme.config.resolve import resolve

    places.folder_of_videos(source)
    flags = {"max_bad": max_bad, "workers": workers}
    settings = resolve(PrepConfig, file=config, sets=sets or (), flags=flags)

    from avme.stages.prep import prepare

    prepare(
        layout,
        source,
        out=target.parent,
        name=target.name,
        splits=splits,
        config=settings,
        report=ctx.obj,
    )
    typer.echo(target)
