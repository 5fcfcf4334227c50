"""`avme report`: one HTML file of runs."""

from pathlib import Path
from typing import Annotated, Final

import typer

from ..terminal.output import print_line

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme report runs/finetune-ucf101-av
    avme report runs/finetune-ucf101-v runs/finetune-ucf101-av --out compare.html
    avme report runs/finetune-ucf101-av --data /data/ucf101 --media-mb 40
    avme report runs/finetune-ucf101-av --videos /data/UCF-101"""

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Run folders, or results folders of `avme eval`."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="File to write.", show_default="report.html in the first RUN"
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help="Prepared dataset whose clips are embedded; repeatable.",
        show_default="those in data/",
    ),
]
MediaMb = Annotated[
    float, typer.Option(min=0.0, max=1000.0, help="Megabytes of images and videos in the file.")
]

Videos = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of the original videos: names of clips become relative links to them.",
    ),
]


@app.command(epilog=_EXAMPLES)
def report(
    runs: Runs,
    out: Out = None,
    data: Data = None,
    media_mb: MediaMb = 10.0,
    videos: Videos = None,
) -> None:
    """Write one HTML file of runs and evaluations, which opens without a network.

    It has the results with intervals and warnings, curves, confusion matrices whose cells list
    their clips, controls, settings and commands.
    """
    from avme.report.write import write_report

    print_line(write_report(runs, out, data=data or (), media_mb=media_mb, videos=videos))
