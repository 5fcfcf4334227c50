"""Reconstruction of one window of a video by one loaded model."""

from pathlib import Path

from avme.inference.model import Model
from avme.reconstruction.autoencoders import as_autoencoder
from avme.reconstruction.comparison import Comparison, Panel, Statistics
from avme.reconstruction.file_clips import FileClips


def reconstruct_file(
    model: Model,
    path: Path | str,
    *,
    start_seconds: float | None = None,
    mask_ratio: float | None = None,
    seed: int = 0,
    statistics: Statistics = "hidden",
) -> Panel:
    """Mask a window of a video, and return it as the model and the free baselines complete it.

    Args:
        model: Pretrained autoencoder.
        path: Video.
        start_seconds: Start of the window; None for the middle of the video.
        mask_ratio: Fraction of hidden patches; None for that of the training.
        seed: Seed of the mask.
        statistics: Patches that give mean and deviation, if the target is normalized.

    Raises:
        MismatchError: The model is a classifier.
        MediaError: The video cannot be decoded.
        UsageError: It is not a file, or the start is beyond its end.
    """
    one = as_autoencoder(model)
    comparison = Comparison([one], mask_ratio=mask_ratio, seed=seed, statistics=statistics)
    (panel,) = comparison.panels(FileClips(Path(path), start_seconds=start_seconds), 0)
    return panel
