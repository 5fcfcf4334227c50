"""Reconstruction: masked clips completed by one checkpoint or several, side by side.

Writes a sheet (paper Fig. 2), and a video with the audio if requested; returns the scores beside
those of free baselines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from avme import __version__
from avme.data.protocol import select_clips
from avme.errors import UsageError
from avme.inference.source_file import require_media_file
from avme.io.disk import try_write
from avme.progress import NullReporter, Reporter
from avme.reconstruction.autoencoders import Autoencoder, load_autoencoders
from avme.reconstruction.clip_inputs import ClipSource, DatasetClips
from avme.reconstruction.comparison import Comparison, Panel, Statistics
from avme.reconstruction.file_clips import FileClips
from avme.reconstruction.gallery import choose_clips
from avme.reconstruction.scenes import Scene
from avme.reconstruction.scores import ScoreRow, Scores
from avme.reconstruction.sheet import Block, draw_sheet
from avme.reconstruction.sheet_text import notes_of, title_of
from avme.reconstruction.strips import strips_of
from avme.reconstruction.video_files import write_gif, write_mp4
from avme.shards.dataset import PreparedDataset
from avme.train.distributed.process_group import pick_device

_MOST_DRAWN: Final = 8
"""Clips in figures; all clips are in the scores."""
_NEEDED_BYTES: Final = 20_000_000
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructOptions:
    """What to reconstruct and what to write."""

    clips: int | None = None
    """Clips of a dataset (4), or windows of a file (1)."""
    frames: int | None = None
    """Frames of each clip in the sheet: 4, or 8 for one clip."""
    start_seconds: float | None = None
    """Start of the window of a file; None for its middle."""
    mask_ratio: float | None = None
    """Fraction of hidden patches; None for that of the first checkpoint's training."""
    seed: int = 0
    statistics: Statistics = "hidden"
    split: str | None = None
    mp4: bool = False
    gif: bool = False
    out: Path | None = None
    overwrite: bool = False
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """Scores and files of a reconstruction."""

    rows: list[ScoreRow]
    files: list[Path]
    notes: list[str]
    """How it was made: masks, un-normalization, settings that differ."""
    record: dict[str, Any]
    """Everything of it for JSON."""


def reconstruct(
    checkpoints: Sequence[Path],
    *,
    file: Path | None = None,
    data: Path | None = None,
    options: ReconstructOptions | None = None,
    report: Reporter | None = None,
) -> Reconstruction:
    """Reconstruct clips of a file or of the test list of a dataset; write the figures.

    Args:
        checkpoints: Pretrain runs or their files, or other weights with a decoder.
        file: Video.
        data: Prepared dataset, if there is no file.
        options: What to reconstruct.
        report: Receives progress.

    Raises:
        UsageError: A file to write exists; no video or both sources are given.
        MismatchError: A checkpoint has no decoder.
        ArtifactError: A checkpoint or the dataset is missing or damaged.
        MediaError: The video cannot be decoded.
    """
    options, report = options or ReconstructOptions(), report or NullReporter()
    if (file is None) == (data is None):
        raise UsageError("reconstruct takes a video or a dataset (got neither or both): give one")
    if file is not None:
        require_media_file(file)
    if options.out is not None:
        _require_free(options.out, options)
    models = load_autoencoders(list(checkpoints), pick_device(options.device))
    comparison = Comparison(
        models,
        mask_ratio=options.mask_ratio,
        seed=options.seed,
        statistics=options.statistics,
    )
    source = _source(models, file, data, options)
    path = options.out or _default_path(models, source)
    wanted = _require_free(path, options)
    scores, panels, names, unheard = Scores(), [], [], set()
    with report.task("reconstruct", len(source)) as task:
        for index in range(len(source)):
            for panel in comparison.panels(source, index):
                scores.add(panel)
                names.append(panel.clip.name)
                if not panel.clip.audio["real"][1].any():
                    unheard.add(index)
                if index < _MOST_DRAWN:
                    panels.append(panel)
            task.advance()
    for warning in source.warnings:
        report.log(f"warning: {warning}")
    rows = scores.rows()
    notes = notes_of(comparison, rows, len(source), min(len(source), _MOST_DRAWN))
    if unheard and any("null" in row.by_audio for row in rows):
        notes.append(
            f"{len(unheard)} of {len(source)} clips have no audio: the versions of it are equal."
        )
    _draw(
        wanted,
        panels,
        comparison,
        title_of(source.title, comparison, rows, len(source)),
        notes,
        options,
    )
    record = {
        "avme": __version__,
        "source": source.title,
        "clips": list(dict.fromkeys(names)),
        "mask_ratio": comparison.mask_ratio,
        "seed": options.seed,
        "checkpoints": [
            {
                "name": model.name,
                "file": str(model.file),
                "step": model.step,
                "kind": model.described,
                "target": model.settings.loss.target,
                "setup": str(model.setup),
            }
            for model in models
        ],
        "rows": [row.as_record() for row in rows],
        "notes": notes,
        "files": [str(each) for each in wanted],
    }
    return Reconstruction(rows=rows, files=wanted, notes=notes, record=record)


def _source(
    models: Sequence[Autoencoder],
    file: Path | None,
    data: Path | None,
    options: ReconstructOptions,
) -> ClipSource:
    if file is not None:
        return FileClips(file, start_seconds=options.start_seconds, count=options.clips or 1)
    assert data is not None
    prepared = PreparedDataset.open(data)
    split = options.split or models[0].settings.clip.split
    listed = prepared.subset(split, "test")
    protocol = models[0].settings.train.protocol
    used = select_clips(protocol, listed, f"{data}, split {split}, test")
    entries = choose_clips(used, options.clips or 4, options.seed)
    return DatasetClips(data, prepared, entries, split)


def _default_path(models: Sequence[Autoencoder], source: ClipSource) -> Path:
    """Return the sheet in the folder of the first checkpoint's run."""
    others = "".join(f"-and-{model.name}" for model in models[1:])
    name = f"{source.file_name}{others}".replace("/", "-").replace(" ", "")[:_LONGEST_NAME]
    return models[0].folder / f"{name}.png"


def _require_free(path: Path, options: ReconstructOptions) -> list[Path]:
    """Return the files to write.

    Raises:
        UsageError: One of them exists, or is a folder.
        SystemRequirementError: They cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--out {path}: expected the name of a PNG: end it with .png")
    wanted = [path]
    wanted += [path.with_suffix(".mp4")] if options.mp4 else []
    wanted += [path.with_suffix(".gif")] if options.gif else []
    for each in wanted:
        if each.is_dir():
            raise UsageError(f"{each} is a folder, expected a file: choose another with --out")
        if each.exists() and not options.overwrite:
            raise UsageError(
                f"{each} exists already: replace it with --overwrite, or choose another with --out"
            )
    try_write(path.parent, _NEEDED_BYTES)
    return wanted


def _draw(
    wanted: Sequence[Path],
    panels: Sequence[Panel],
    comparison: Comparison,
    title: str,
    notes: Sequence[str],
    options: ReconstructOptions,
) -> None:
    described = {model.name: model.described for model in comparison.models}
    pairs = [strips_of(panel, described) for panel in panels]
    count = options.frames or (8 if len(panels) == 1 else 4)
    count = min(count, *(len(panel.truth) for panel in panels))
    blocks = []
    for panel, mine in zip(panels, pairs, strict=True):
        shown = np.linspace(0, len(panel.truth) - 1, count).round().astype(int)
        strips = [replace(strip, frames=strip.frames[shown]) for pair in mine for strip in pair]
        blocks.append(Block(panel.clip.name, _detail(panel, comparison), tuple(strips)))
    scenes = [
        Scene(
            title=f"{panel.clip.name}, {_detail(panel, comparison)}",
            pairs=mine,
            seconds_per_frame=panel.clip.seconds_per_frame,
            track=panel.clip.track,
        )
        for panel, mine in zip(panels, pairs, strict=True)
    ]
    draw_sheet(wanted[0], blocks, "\n".join(notes), title)
    for path in wanted[1:]:
        (write_mp4 if path.suffix == ".mp4" else write_gif)(path, scenes)


def _detail(panel: Panel, comparison: Comparison) -> str:
    """Return the detail of a clip, after the setup if there are several."""
    setup = f"{panel.setup.short}; " if len(comparison.setups) > 1 else ""
    return f"{setup}{panel.clip.detail}"
