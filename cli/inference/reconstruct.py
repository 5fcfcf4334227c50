"""`avme reconstruct`: masked clips, completed by one checkpoint or several."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from avme.errors import UsageError
from avme.inference.source_file import require_media_file
from avme.workers.sandbox import preload_sandbox

from .. import options, paths, preflight
from ..terminal.output import print_line
from ..terminal.table import Json, print_table

if TYPE_CHECKING:
    from avme.reconstruction.scores import Mean, ScoreRow

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme reconstruct runs/pretrain-ucf101 video.mp4 --mp4
    avme reconstruct runs/pretrain-videomae runs/pretrain-ucf101 --data ucf101 --clips 4
    avme reconstruct runs/pretrain-ucf101 --data ucf101 --unnormalize visible --json"""
_WEIGHTS: Final = (".pt", ".pth", ".bin", ".safetensors")

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="CKPT... [FILE]",
        help="Pretrain runs or their checkpoints, shown side by side, and a video; without one, "
        "clips of a dataset.",
    ),
]
Clips = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Clips of the test list, or windows of FILE.",
        show_default="4, or 1 for FILE",
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        min=1, help="Frames of each clip in the PNG.", show_default="4, or 8 for one clip"
    ),
]
Start = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Start of the window in FILE.",
        show_default="so that it is in the middle",
    ),
]
Mask = Annotated[
    float | None,
    typer.Option(
        "--mask",
        metavar="RATIO",
        help="Fraction of patches that is hidden.",
        show_default="as the first CKPT was trained",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the masks and of the choice of clips.")]
Unnormalize = Annotated[
    Literal["hidden", "visible"],
    typer.Option(
        help="Source of mean and deviation for a normalized target, in figures: the original "
        "hidden patches, as in VideoMAE, or visible patches alone. The table has both."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="PNG",
        help="PNG to write; MP4 and GIF have its name.",
        show_default="in <run>/reconstructions/",
    ),
]
Mp4 = Annotated[bool, typer.Option("--mp4", help="Write an MP4 with the audio too.")]
Gif = Annotated[bool, typer.Option("--gif", help="Write a GIF too.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


@app.command(epilog=_EXAMPLES)
def reconstruct(
    ctx: typer.Context,
    sources: Sources,
    data: options.CheckpointData = None,
    split: options.Split = None,
    clips: Clips = None,
    frames: Frames = None,
    start: Start = None,
    mask: Mask = None,
    seed: Seed = 0,
    unnormalize: Unnormalize = "hidden",
    out: Out = None,
    mp4: Mp4 = False,
    gif: Gif = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    device: options.Device = None,
) -> None:
    """Complete masked clips by one checkpoint or several, beside free baselines."""
    checkpoints, file = _split_sources(sources, data)
    _require_possible(file, start, split, mask)
    for path in checkpoints:
        preflight.require_weights(paths.checkpoint(path))
    folder = None
    if file is None:
        folder = paths.dataset(data) if data else paths.own_dataset(checkpoints[0])
        folder = folder or paths.dataset(None)
        preflight.require_split(folder, split)
    if file is not None:
        preload_sandbox("avme.media.container.probe")
    preflight.require_device(device)

    from avme.stages.reconstruct import ReconstructOptions
    from avme.stages.reconstruct import reconstruct as run

    made = run(
        checkpoints,
        file=file,
        data=folder,
        options=ReconstructOptions(
            clips=clips,
            frames=frames,
            start_seconds=start,
            mask_ratio=mask,
            seed=seed,
            statistics=unnormalize,
            split=split,
            mp4=mp4,
            gif=gif,
            out=out,
            overwrite=overwrite,
            device=device or "auto",
        ),
        report=ctx.obj,
    )
    if as_json:
        import json

        print_line(json.dumps(made.record))
        return
    print_scores(made.rows)
    for note in made.notes:
        print_line(note)
    for path in made.files:
        print_line(path)


def print_scores(rows: "list[ScoreRow]") -> None:
    """Print a table for each setup: models first, then references and free baselines."""
    for setup in dict.fromkeys(row.setup for row in rows):
        mine = [row for row in rows if row.setup == setup]
        versions = [name for name in ("null", "shuffled") if any(name in r.by_audio for r in mine)]
        header = (
            "reconstruction",
            "mean, deviation of",
            "PSNR dB / SSIM",
            *(f"{name} audio" for name in versions),
        )
        print_table(setup, header, [_cells(row, versions) for row in mine])
        for row in mine:
            if row.reason:
                print_line(f"{row.name}: {row.reason}")


def _cells(row: "ScoreRow", versions: list[str]) -> tuple[str, ...]:
    from avme.reconstruction.scores import UNNORMALIZED
    from avme.reconstruction.sheet_text import main_score

    means: dict[str | None, Mean] = {audio: mean for audio, mean in row.by_audio.items()}
    values = [_value(main_score(row)) if means else "-", *(_value(means.get(v)) for v in versions)]
    return row.name, UNNORMALIZED[row.statistics], *values


def _value(mean: "Mean | None") -> str:
    if mean is None:
        return ""
    return f"{mean.psnr_db:.2f} / " + ("-" if mean.ssim is None else f"{mean.ssim:.3f}")


def _split_sources(sources: list[Path], data: str | None) -> tuple[list[Path], Path | None]:
    """Return the checkpoints and the video, which is last, if there is one."""
    *earlier, last = sources
    for path in earlier:
        if _is_video(path) and path.exists():
            raise UsageError(f"{path} is no checkpoint: give one video, after the pretrain runs")
    if not _is_video(last):
        return sources, None
    if not earlier:
        raise UsageError(f"{last} is no checkpoint: give a pretrain run before the video")
    if data is not None:
        raise UsageError(f"{last} and --data {data} exclude each other: give one")
    require_media_file(last)
    return earlier, last


def _is_video(path: Path) -> bool:
    return not path.is_dir() and path.suffix.lower() not in _WEIGHTS


def _require_possible(
    file: Path | None, start: float | None, split: str | None, mask: float | None
) -> None:
    """Raise UsageError if options contradict each other or are out of range."""
    if file is None and start is not None:
        raise UsageError("--start is the window of a video: give a FILE, or leave it out")
    if file is not None and split is not None:
        raise UsageError(f"--split is of a dataset (got the video {file}): leave it out")
    if start is not None and not math.isfinite(start):
        raise UsageError(f"--start {start}: expected a number of seconds")
    if mask is not None and not 0.0 < mask < 1.0:
        raise UsageError(f"--mask {mask}: expected a number between 0 and 1")
