"""`avme prep`: videos to a prepared dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from . import next_command, paths
from .multi_value import ManyTables
from .options import MACHINE, Config, Sets, Workers
from .shared_options import sharing
from .slurm import prep
from .terminal.output import print_line

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Prepare videos as a dataset of shards. Rerun to continue.",
    epilog="Example:\n    avme prep ucf101 /data/UCF-101",
)

_UCF101: Final = """Examples:
    avme prep ucf101 /data/UCF-101
    avme prep ucf101 UCF-101 --splits ucfTrainTestlist --workers 8"""
_FOLDER: Final = """Examples:
    avme prep folder videos
    avme prep folder videos --name pets --set short_side=240"""
_CSV: Final = """Examples:
    avme prep csv clips.csv
    avme prep csv clips.csv --root /data/videos --name pets"""
_HMDB51: Final = """Examples:
    avme prep hmdb51 /data/hmdb51_org
    avme prep hmdb51 hmdb51_org --splits testTrainMulti_7030_splits"""
_KINETICS: Final = """Example:
    avme prep kinetics /data/k400 --annotations train.csv val.csv --set short_side=256"""
_VGGSOUND: Final = """Example:
    avme prep vggsound /data/vggsound --annotations vggsound.csv --set short_side=256"""

Videos = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with one subfolder of videos per class.")
]
AnyVideos = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that contains the videos, at any depth.")
]
Table = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV with a header: path, label; optionally split, start, end, group.",
    ),
]
Splits = Annotated[
    Path | None,
    typer.Option(help="Folder of split lists.", show_default="in or beside DIR"),
]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder that paths are relative to.", show_default="FILE's own"),
]
Tables = Annotated[
    list[Path], typer.Option(metavar="CSV ...", help="Annotation files of the dataset (CSV).")
]
PartOf = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="i/N",
        help="Build only partition i of N; the last one to finish publishes the dataset.",
        rich_help_panel=MACHINE,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on a Dask cluster at this scheduler address, as in tcp://10.0.0.5:8786.",
        rich_help_panel=MACHINE,
    ),
]
Slurm = Annotated[
    bool,
    typer.Option(
        "--slurm",
        help="Submit a Slurm job array, one job per partition, and return.",
        rich_help_panel=MACHINE,
    ),
]
OneTable = Annotated[
    Path, typer.Option("--annotations", metavar="CSV", help="Annotation file of the dataset (CSV).")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Options shared by all layouts."""

    ctx: typer.Context
    name: Annotated[str | None, typer.Option(help="Name of the dataset, for --data.")] = None
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.", show_default="data/<name>")
    ] = None
    max_failed: Annotated[
        float | None,
        typer.Option(help="Fraction of clips that may fail.", show_default="0.1"),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and an estimate; write nothing.")
    ] = False
    retry: Annotated[
        bool, typer.Option("--retry", help="Retry quarantined clips and rebuild their shards.")
    ] = False
    workers: Workers = None
    part: PartOf = None
    dask: Dask = None
    slurm: Slurm = False
    config: Config = None
    sets: Sets = None


@app.command(epilog=_UCF101)
@sharing(Job)
def ucf101(job: Job, source: Videos, splits: Splits = None) -> None:
    """Prepare UCF-101, or videos with the same folders and names.

    Official split lists in or beside DIR are used; without them splits are derived from the groups.
    """
    _prepare(job, "ucf101", paths.folder_of_videos(source), splits=splits)


@app.command(epilog=_FOLDER)
@sharing(Job)
def folder(job: Job, source: Videos, splits: Splits = None) -> None:
    """Prepare a folder with one subfolder of videos per class."""
    default = source.resolve().name
    _prepare(job, "folder", paths.folder_of_videos(source), default=default, splits=splits)


@app.command(epilog=_CSV)
@sharing(Job)
def csv(job: Job, source: Table, root: Root = None) -> None:
    """Prepare the videos, or segments of videos, that a table lists.

    Times are in seconds after the first frame. Without a column split, one is derived by group.
    """
    _prepare(job, "csv", paths.table(source), default=source.stem, root=root)


@app.command(epilog=_HMDB51)
@sharing(Job)
def hmdb51(job: Job, source: Videos, splits: Splits = None) -> None:
    """Prepare HMDB51 with its three official splits."""
    _prepare(job, "hmdb51", paths.folder_of_videos(source), splits=splits)


@app.command(epilog=_KINETICS, cls=ManyTables)
@sharing(Job)
def kinetics(job: Job, source: AnyVideos, annotations: Tables) -> None:
    """Prepare the available videos of Kinetics: clips, or whole videos, which are segmented.

    The val set is the test list, unless a test file with labels is given.
    """
    _prepare(job, "kinetics", paths.folder_of_videos(source), annotations=annotations)


@app.command(epilog=_VGGSOUND)
@sharing(Job)
def vggsound(job: Job, source: AnyVideos, annotations: OneTable) -> None:
    """Prepare the available videos of VGGSound: clips, or whole videos, which are segmented."""
    _prepare(job, "vggsound", paths.folder_of_videos(source), annotations=[annotations])


def _prepare(
    job: Job,
    layout: Literal["ucf101", "folder", "csv", "hmdb51", "kinetics", "vggsound"],
    source: Path,
    *,
    default: str | None = None,
    splits: Path | None = None,
    annotations: Sequence[Path] = (),
    root: Path | None = None,
) -> None:
    from avme.config.prep import PrepConfig
    from avme.config.resolve import resolve

    target = paths.set_folder(job.out, job.name, default or layout)
    flags = {"max_failed": job.max_failed, "num_workers": job.workers}
    settings = resolve(PrepConfig, file=job.config, sets=job.sets or (), flags=flags)
    _require_fitting(job)
    from avme.prep.partition import parse_partition
    from avme.prep.request import Request
    from avme.sources.find_clips import SourceOptions
    from avme.stages.prep import dry_run, prepare, require_possible

    request = Request(
        layout,
        source,
        out=target.parent,
        name=target.name,
        config=settings,
        beside=SourceOptions(lists=splits, annotations=tuple(annotations), root=root),
        share=None if job.part is None else parse_partition(job.part),
        retry=job.retry,
    )
    if job.dry_run:
        estimate = dry_run(request, report=job.ctx.obj)
        for line in estimate.lines():
            print_line(line)
        estimate.require_room()
    elif job.slurm:
        require_possible(request, report=job.ctx.obj)
        prep.submit_parts(settings, target=target, command=job.ctx.command_path, report=job.ctx.obj)
    elif prepare(request, dask=job.dask, report=job.ctx.obj) is not None:
        print_line(target)
        next_command.after_prep(job.ctx.obj, target)


def _require_fitting(job: Job) -> None:
    from avme.errors import UsageError

    if job.retry and (job.part is not None or job.slurm):
        raise UsageError(
            "--retry would discard shards of other parts: give it without --part, --slurm"
        )
    if job.slurm and (job.part is not None or job.dask is not None):
        raise UsageError("--slurm submits parts itself: leave --part and --dask out")
    if job.dry_run and job.dask is not None:
        raise UsageError(
            "--dry-run estimates the time of this machine, not of a cluster: leave --dask out; "
            "the rest of the plan is the same"
        )
