"""Embedding: features of every clip of a list to one file."""

from pathlib import Path

from avme.errors import UsageError
from avme.features.extract import FeatureOptions, Lists
from avme.features.source import FeatureSource
from avme.progress import NullReporter, Reporter


def embed(
    checkpoint: Path,
    *,
    lists: Lists = "all",
    options: FeatureOptions | None = None,
    out: Path | None = None,
    report: Reporter | None = None,
) -> Path:
    """Compute features of the clips of a split; return the file.

    Args:
        checkpoint: Finished run, checkpoint, or weights of any form.
        lists: Lists of the split.
        options: What to compute.
        out: File to write; None for one in the run, named after what it holds.
        report: Receives progress.

    Raises:
        ArtifactError: Checkpoint or dataset are missing.
        MismatchError: The network lacks the stage.
        UsageError: The file exists.
    """
    options, report = options or FeatureOptions(), report or NullReporter()
    source = FeatureSource(checkpoint, options, report)
    stage = source.network.choose_stage(options.stage)
    path = out or source.path(stage, lists)
    if path.is_dir():
        raise UsageError(f"{path} is a folder, expected a file: choose another with --out")
    if path.exists() and not options.overwrite:
        raise UsageError(
            f"{path} exists already: replace it with --overwrite, or choose another with --out"
        )
    source.compute({stage: path}, lists)
    return path
