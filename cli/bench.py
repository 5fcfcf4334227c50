"""`avme bench`: speed on this machine, relative to baselines."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from . import paths
from .bench_step import EXAMPLES as STEP_EXAMPLES
from .bench_step import step
from .multi_value import repeat_options
from .options import DataArgument, Workers
from .terminal.output import print_line
from .terminal.table import Json, Rounds, print_json, print_table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Measure the speed of loading, preparation and training against baselines.",
    epilog="Example:\n    avme bench loader",
)

_LOADER: Final = """Examples:
    avme bench loader
    avme bench loader ucf101 --against torchcodec decord"""
_PREP: Final = """Examples:
    avme bench prep
    avme bench prep ucf101 --workers 8 --clips 256"""
PEERS: Final = ("torchcodec", "pyav", "decord")

Against = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME ...",
        help=f"Baselines: {', '.join(PEERS)}, with Pillow.",
        show_default="all that are installed",
    ),
]
Videos = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder that clip ids are relative to.",
        show_default="where it was prepared from",
    ),
]
Windows = Annotated[int, typer.Option("--clips", min=1, help="Windows per round.")]
Clips = Annotated[int, typer.Option(min=2, help="Maximum number of videos per round.")]


class _ManyPeers(TyperCommand):
    """Command whose `--against` takes all names that follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_options(args, ("--against",), PEERS.__contains__))


@app.command(cls=_ManyPeers, epilog=_LOADER)
def loader(
    ctx: typer.Context,
    data: DataArgument = None,
    against: Against = None,
    videos: Videos = None,
    windows: Windows = 64,
    rounds: Rounds = 5,
    as_json: Json = False,
) -> None:
    """Load random windows on one core: from shards, and with baselines from the videos.

    Each window is 16 frames at stride 4, one random crop, RGB bytes of 224x224.
    """
    folder = paths.dataset(data, "DATA")

    from avme.bench.loader import bench_loader

    found = bench_loader(
        folder,
        videos=videos,
        against=against or list(PEERS),
        windows=windows,
        rounds=rounds,
        report=ctx.obj,
    )
    if as_json:
        print_json(found.rows)
        return
    title = f"{windows} windows of {found.clips} clips of {found.width}x{found.height}, {rounds}"
    print_table(
        f"{title} rounds, one core",
        ("", "clips/s/core", "slowest", "fastest", "wall clips/s", "ratio"),
        [
            (
                row.name,
                f"{row.clips_per_second:.1f}",
                f"{row.slowest:.1f}",
                f"{row.fastest:.1f}",
                f"{row.wall_clips_per_second:.1f}",
                f"{row.ratio:.3f}",
            )
            for row in found.rows
        ],
    )
    for row in found.rows[1:-1]:
        print_line(f"{found.rows[0].name} is {1 / row.ratio:.2f} times as fast as {row.name}")
    for name, reason in found.absent.items():
        print_line(f"{name}: {reason}")


@app.command(epilog=_PREP)
def prep(
    ctx: typer.Context,
    data: DataArgument = None,
    videos: Videos = None,
    clips: Clips = 128,
    rounds: Rounds = 3,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Prepare a dataset's videos again, relative to ffmpeg that only writes JPEGs."""
    folder = paths.dataset(data, "DATA")

    from avme.bench.prep import bench_prep

    found = bench_prep(
        folder, videos=videos, clips=clips, rounds=rounds, workers=workers, report=ctx.obj
    )
    if as_json:
        print_json(found.rows)
        return
    print_table(
        f"{found.clips} videos of {found.video_seconds:.0f} s, {found.workers} at a time, "
        f"{rounds} rounds",
        ("", "x real time", "seconds", "ratio", "core seconds", "core ratio"),
        [
            (
                row.name,
                f"{row.real_time:.1f}",
                f"{row.seconds:.1f} ({row.fastest:.1f} to {row.slowest:.1f})",
                f"{row.ratio:.2f}",
                f"{row.core_seconds:.1f} ({row.core_fastest:.1f} to {row.core_slowest:.1f})",
                f"{row.core_ratio:.2f}",
            )
            for row in found.rows
        ],
    )


app.command(epilog=STEP_EXAMPLES)(step)
