"""Trained model of the Python API: predictions, features and reconstructions of files and arrays.

Shape letters: k frames, h and w pixels, c colors, n samples, d channels.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import MismatchError
from avme.features.tokens import Stage
from avme.inference.array_windows import ArrayWindows
from avme.inference.classify import AskedModality, WindowClassifier, Windows
from avme.inference.embed import embed
from avme.inference.media_window import ViewOptions
from avme.inference.model import Model, Precision, load_model
from avme.inference.prediction import Prediction

if TYPE_CHECKING:
    from avme.reconstruction.comparison import Panel

Source = Path | str | NDArray[np.uint8] | Tensor
"""Media file, or RGB frames as bytes of shape (k, h, w, 3)."""
Audio = NDArray[np.int16] | NDArray[np.floating] | Tensor
"""Mono samples at 16 kHz from the first frame on: 16-bit integers, or floats from -1 to 1."""


class TrainedModel:
    """Trained model, as `avme.load` returns it."""

    def __init__(self, loaded: Model) -> None:
        self.loaded = loaded

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "autoencoder"
        return f"<avme model {self.loaded.file}, {kind}, on {self.loaded.device}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of the probabilities; empty for an autoencoder."""
        return self.loaded.classes

    @property
    def settings(self) -> PretrainConfig | FinetuneConfig:
        """Settings of the training; `settings.clip` is the window."""
        return self.loaded.settings

    @property
    def network(self) -> torch.nn.Module:
        """Network, in evaluation mode."""
        return self.loaded.network

    def windows(
        self,
        source: Source,
        *,
        audio: Audio | None = None,
        fps: float = 25.0,
        segments: int | None = None,
        stride: float | None = None,
        crops: int = 1,
    ) -> Windows:
        """Return the windows of a file or of frames, as the model receives them.

        Args:
            source: Media file, or RGB frames as bytes of shape (k, h, w, 3).
            audio: Audio of frames: mono samples at 16 kHz; None for none. A file has its own.
            fps: Rate of frames; a file has its own.
            segments: Number of windows, evenly spaced.
            stride: Seconds from the start of a window to that of the next one.
            crops: Square crops along the longer side.

        Raises:
            UsageError: An option or an array is impossible, or the file does not exist.
            MediaError: The file is no readable video.
        """
        options = ViewOptions(segments=segments, stride_seconds=stride, crops=crops)
        if isinstance(source, Path | str):
            return self.loaded.windows(source, options)
        clip, statistics = self.settings.clip, self.loaded.statistics
        return ArrayWindows(source, clip, statistics, options, fps=fps, audio=audio)

    def predict(
        self,
        source: Source,
        *,
        audio: Audio | None = None,
        fps: float = 25.0,
        segments: int | None = None,
        stride: float | None = None,
        crops: int = 1,
        modality: AskedModality | None = None,
        topk: int = 5,
    ) -> Prediction:
        """Return the probabilities of a file or of frames: the mean over all views.

        Args:
            source: Media file, or RGB frames as bytes of shape (k, h, w, 3).
            audio: Audio of frames: mono samples at 16 kHz.
            fps: Rate of frames.
            segments: Number of windows; None for 5, or for all of a file of more than a minute.
            stride: Seconds from the start of a window to that of the next one.
            crops: Square crops along the longer side.
            modality: `v` or `a` for one input of an av classifier; None for all.
            topk: Number of classes to store of every window.

        Raises:
            MismatchError: The model is an autoencoder.
            UsageError: An option or an array is impossible, or the file does not exist.
            MediaError: The file is no readable video.
        """
        classifier = WindowClassifier(self.loaded, modality)
        windows = self.windows(
            source, audio=audio, fps=fps, segments=segments, stride=stride, crops=crops
        )
        return classifier.predict(windows, _name_of(source), most=topk)

    def embed(
        self,
        source: Source,
        *,
        audio: Audio | None = None,
        fps: float = 25.0,
        segments: int | None = None,
        stride: float | None = None,
        stage: Stage | None = None,
    ) -> Float32[np.ndarray, " d"]:
        """Return the mean feature of a file or of frames over all windows.

        Args:
            source: Media file, or RGB frames as bytes of shape (k, h, w, 3).
            audio: Audio of frames: mono samples at 16 kHz.
            fps: Rate of frames.
            segments: Number of windows.
            stride: Seconds from the start of a window to that of the next one.
            stage: `visual`, `audio` or `fused`; None for the deepest stage.

        Raises:
            MismatchError: The network lacks the stage.
            UsageError: An option or an array is impossible, or the file does not exist.
            MediaError: The file is no readable video.
        """
        windows = self.windows(source, audio=audio, fps=fps, segments=segments, stride=stride)
        return embed(self.loaded, windows, _name_of(source), stage)

    def reconstruct(
        self,
        source: Source,
        *,
        audio: Audio | None = None,
        fps: float = 25.0,
        segments: int = 1,
        mask_ratio: float | None = None,
        seed: int = 0,
    ) -> "tuple[Panel, ...]":
        """Return masked windows, completed by the autoencoder and by free baselines.

        Args:
            source: Media file, or RGB frames as bytes of shape (k, h, w, 3).
            audio: Audio of frames: mono samples at 16 kHz.
            fps: Rate of frames.
            segments: Number of windows, evenly spaced; 1 for the middle.
            mask_ratio: Fraction of hidden patches; None for that of the training.
            seed: Seed of the mask.

        Raises:
            MismatchError: The model is a classifier, which has no decoder.
            UsageError: An option or an array is impossible, or the file does not exist.
            MediaError: The file is no readable video.
        """
        from avme.api.window_clips import WindowClips
        from avme.reconstruction.autoencoders import load_autoencoder
        from avme.reconstruction.comparison import Comparison

        if self.classes:
            raise MismatchError(
                f"{self.loaded.file} is a classifier, which has no decoder: load the pretraining "
                "that it started from"
            )
        autoencoder = load_autoencoder(self.loaded.file, self.loaded.device)
        windows = self.windows(source, audio=audio, fps=fps, segments=segments)
        clips = WindowClips(windows, _name_of(source), self.loaded)
        comparison = Comparison([autoencoder], mask_ratio=mask_ratio, seed=seed)
        return tuple(
            panel for index in range(len(clips)) for panel in comparison.panels(clips, index)
        )


def load(
    path: Path | str, *, device: str | None = None, precision: Precision | None = None
) -> TrainedModel:
    """Load a trained model from a run, a checkpoint, or exported or published weights.

    What is unusual about the weights is a UserWarning.

    Args:
        path: Run folder or file; the file alone is enough.
        device: `auto`, `cpu` or `cuda`; None for auto.
        precision: `auto`, `bf16`, `fp16` or `fp32`; None for auto.

    Raises:
        ArtifactError: The file is missing, damaged, or its run is unfinished.
        MismatchError: The weights are an encoder alone, or do not name their classes.
        SystemRequirementError: The machine lacks the device.
    """
    loaded = load_model(path, device, precision)
    for line in loaded.warnings:
        warnings.warn(line.removeprefix("warning: "), stacklevel=2)
    return TrainedModel(loaded)


def _name_of(source: Source) -> str:
    return str(source) if isinstance(source, Path | str) else "array"
