"""Predictions of files and folders: one after the other, a failed file does not stop the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from avme.errors import AvmeError, MediaError, UsageError
from avme.inference.annotate import annotate
from avme.inference.classify import AskedModality, WindowClassifier
from avme.inference.media_window import ViewOptions
from avme.inference.model import Model
from avme.inference.prediction import Prediction
from avme.progress import NullReporter, Reporter
from avme.sources.video_scan import VideoScanner


@dataclass(frozen=True, slots=True)
class FailedFile:
    """File without a prediction."""

    path: Path
    error: AvmeError


def find_files(sources: Sequence[Path], report: Reporter | None = None) -> list[Path]:
    """Return files as given, and the videos below folders.

    Args:
        sources: Files and folders.
        report: Receives warnings about links and skipped files.

    Raises:
        UsageError: A folder has no video.
    """
    report = report or NullReporter()
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        scanner = VideoScanner(source.resolve())
        below = [source / video.path.relative_to(scanner.root) for video in scanner]
        for warning in scanner.warnings():
            report.log(warning)
        if not below:
            raise UsageError(f"{source} has no video (got 0 files): give a folder of videos")
        found += below
    return found


def predict_files(
    model: Model,
    files: Sequence[Path],
    *,
    options: ViewOptions | None = None,
    modality: AskedModality | None = None,
    most: int = 5,
    annotated: Path | None = None,
    report: Reporter | None = None,
) -> Iterator[Prediction | FailedFile]:
    """Yield the prediction of every file, or why there is none.

    Args:
        model: Classifier.
        files: Videos.
        options: Windows and crops.
        modality: Inputs of the classifier; None for all.
        most: Number of classes to store of every window.
        annotated: MP4 to write of a single file.
        report: Receives progress.

    Raises:
        MismatchError: The model is an autoencoder.
        UsageError: The classifier lacks the modality.
    """
    classifier = WindowClassifier(model, modality)
    return _predict_files(classifier, files, options, most, annotated, report)


def _predict_files(
    classifier: WindowClassifier,
    files: Sequence[Path],
    options: ViewOptions | None,
    most: int,
    annotated: Path | None,
    report: Reporter | None,
) -> Iterator[Prediction | FailedFile]:
    for path in files:
        try:
            windows = classifier.model.windows(path, options)
            made = classifier.predict(windows, str(path), most=most, report=report)
            if annotated is not None:
                annotate(path, annotated, windows.decoder.info, made)
        except (MediaError, UsageError) as error:
            yield FailedFile(path, error)
        else:
            yield made
