"""`avme predict`: classes of video files."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from avme.errors import ArtifactError, AvmeError, MediaError, UsageError
from avme.workers.sandbox import preload_sandbox

from .. import options, paths, preflight
from ..terminal.output import print_error
from .predictions import CsvWriter, JsonWriter, print_prediction, print_timeline

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme predict runs/finetune-ucf101-av video.mp4
    avme predict runs/finetune-ucf101-av/weights.safetensors videos --csv predictions.csv
    avme predict runs/finetune-ucf101-av lecture.mkv --stride 2 --timeline
    avme predict runs/finetune-ucf101-av video.mp4 --annotate labeled.mp4
    avme predict runs/finetune-ucf101-av video.mp4 --modality v --json"""

Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CKPT",
        help="Fine-tuning run, one of its checkpoints, or its weights.safetensors.",
    ),
]
Sources = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Videos, or folders of videos."),
]
TopK = Annotated[int, typer.Option(min=1, metavar="K", help="Number of classes to print.")]
Segments = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Windows per file, evenly spaced.",
        show_default="5, or all of a file of more than a minute",
    ),
]
Stride = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Time from a window to the next one.",
        show_default="the length of a window",
    ),
]
Crops = Annotated[int, typer.Option(min=1, max=3, help="Square crops per window.")]
Modality = Annotated[
    Literal["av", "v", "a", "product"] | None,
    typer.Option(
        help="Inputs of an av classifier, as in `avme eval`.", show_default="those of CKPT"
    ),
]
Timeline = Annotated[
    bool, typer.Option("--timeline", help="Print the class of each part of the file too.")
]
Annotate = Annotated[
    Path | None,
    typer.Option(metavar="MP4", help="Write the video with the classes drawn over it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with the windows.")]
Csv = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write a CSV file with a row for each file and window."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


@app.command(epilog=_EXAMPLES)
def predict(
    ctx: typer.Context,
    checkpoint: Checkpoint,
    sources: Sources,
    topk: TopK = 5,
    segments: Segments = None,
    stride: Stride = None,
    crops: Crops = 1,
    modality: Modality = None,
    timeline: Timeline = False,
    annotate: Annotate = None,
    as_json: AsJson = False,
    csv: Csv = None,
    overwrite: Overwrite = False,
    device: options.Device = None,
    precision: options.Precision = None,
) -> None:
    """Classify video files of any length."""
    _require_possible(sources, segments, stride, annotate)
    _require_free(annotate, ".mp4", overwrite)
    _require_free(csv, ".csv", overwrite)
    preflight.require_weights(paths.checkpoint(checkpoint))
    preload_sandbox("avme.media.container.probe")
    preflight.require_device(device)

    from avme.inference.media_window import ViewOptions
    from avme.inference.model import load_model
    from avme.stages.predict import FailedFile, find_files, predict_files

    report = ctx.obj
    view = ViewOptions(segments=segments, stride_seconds=stride, crops=crops)
    files = find_files([Path(source) for source in sources], report)
    if annotate is not None and len(files) > 1:
        raise UsageError(f"--annotate is for one file (got {len(files)}): give one")
    if (
        annotate is not None
        and annotate.exists()
        and files[0].exists()
        and annotate.samefile(files[0])
    ):
        raise UsageError(f"--annotate {annotate} is the video itself: choose another file")
    model = load_model(checkpoint, device, precision)
    for warning in model.warnings:
        report.log(warning)
    made = predict_files(
        model,
        files,
        options=view,
        modality=modality,
        most=topk,
        annotated=annotate,
        report=report,
    )
    failures: list[AvmeError] = []
    with JsonWriter(as_json) as json_writer, CsvWriter(csv, topk) as csv_writer:
        for one in made:
            if isinstance(one, FailedFile):
                if len(files) == 1:
                    raise one.error
                failures.append(one.error)
                print_error(f"error: {_named(one)}")
                continue
            csv_writer.add(one)
            if as_json:
                json_writer.add(one.as_record(topk))
                continue
            print_prediction(one, topk)
            if timeline:
                print_timeline(one)
    if failures:
        raise MediaError(
            f"{len(failures)} of {len(files)} files have no prediction (named above): repair or "
            "leave them out"
        )


def _named(failed: "object") -> str:
    from avme.stages.predict import FailedFile

    assert isinstance(failed, FailedFile)
    text, name = str(failed.error), failed.path.name
    if str(failed.path) in text:
        return text
    return (
        f"{failed.path}{text.removeprefix(name)}"
        if text.startswith(name)
        else f"{failed.path}: {text}"
    )


def _require_possible(
    sources: list[str], segments: int | None, stride: float | None, annotate: Path | None
) -> None:
    """Raise UsageError for options that exclude each other, and for addresses."""
    from avme.inference.source_file import is_url

    for source in sources:
        if is_url(source):  # before a Path shortens its slashes
            raise UsageError(
                f"{source}: addresses are not read (got a URL, expected a file): download it first"
            )
    if segments is not None and stride is not None:
        raise UsageError("--segments and --stride exclude each other (got both): give one")
    if stride is not None and not 0.0 < stride < 1e9:
        raise UsageError(f"--stride: expected seconds above 0 (got {stride:g})")
    if annotate is not None and len(sources) > 1:
        raise UsageError(f"--annotate is for one file (got {len(sources)}): give one")


def _require_free(path: Path | None, suffix: str, overwrite: bool) -> None:
    """Raise an error if a file to write exists or cannot be written."""
    if path is None:
        return
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path}: expected a name that ends with {suffix}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder, expected a file")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already: replace it with --overwrite")
    if not path.parent.is_dir():
        raise ArtifactError(f"{path.parent} does not exist: create the folder of {path.name} first")
