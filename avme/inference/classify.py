"""Classification of windows by a trained model: softmax per view, mean over views.

Shape letters: b views, l classes.
"""

from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from avme.audio.loudness import AudioState
from avme.errors import MediaError, MismatchError, NonFiniteError
from avme.evaluation.modality import ScoredModality, choose_modality
from avme.inference.inputs import chunks, ignores_audio, to_batch
from avme.inference.media_window import MediaWindow
from avme.inference.model import Model
from avme.inference.prediction import Prediction, WindowScores, rank
from avme.models.classifier import Classifier
from avme.progress import NullReporter, Reporter
from avme.train.distributed.process_group import autocast

AskedModality = Literal["av", "v", "a", "product"]


@runtime_checkable
class Windows(Protocol):
    """Windows of a file or of arrays, with facts that are known after the iteration."""

    @property
    def seconds(self) -> float | None:
        """Length; None if unknown."""
        ...

    @property
    def num_expected(self) -> int | None:
        """Number of windows; None if unknown."""
        ...

    @property
    def audio(self) -> AudioState:
        """State of the audio."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Warnings about the content."""
        ...

    def __iter__(self) -> Iterator[MediaWindow]: ...


class WindowClassifier:
    """Classifier in one modality.

    Raises:
        MismatchError: The model is an autoencoder.
        UsageError: The classifier lacks the modality.
    """

    def __init__(self, model: Model, modality: AskedModality | None = None) -> None:
        if not isinstance(model.network, Classifier):
            raise MismatchError(
                f"{model.file} is a pretraining, which has no classes (got an autoencoder, expected"
                " a classifier): fine-tune it with `avme finetune --from`, or look at it with "
                "`avme reconstruct`"
            )
        self.model, self.network = model, model.network
        self.inputs: ScoredModality = choose_modality(
            _modality_of(model.network),
            modality,
            len(model.statistics["mean"]),
            has_heads=model.network.unimodal is not None,
        )

    @property
    def hears(self) -> bool:
        """True if the audio of a file has an effect."""
        return self.inputs.audio == "real" and not ignores_audio(self.model.settings)

    def notes(self, audio: str) -> list[str]:
        """Return what a reader has to know about the audio of a file in this state."""
        protocol = self.model.settings.train.protocol
        if self.inputs.audio == "real" and ignores_audio(self.model.settings):
            return [f"trained with protocol {protocol}: the audio has no effect"]
        if not self.hears or audio == "audible":
            return []
        state = "no audio track" if audio == "none" else "its audio is silent"
        if self.inputs.frames == "none":
            return [f"{state}: this classifier has no other input, the result means nothing"]
        more = ", where the donor's audio was in training" if protocol == "donor" else ""
        return [f"{state}: the model gets its null audio token, as in training{more}"]

    def predict(
        self, windows: Windows, name: str, *, most: int = 5, report: Reporter | None = None
    ) -> Prediction:
        """Return the mean probabilities of all views; of a window the `most` best classes.

        Args:
            windows: Windows in order of time.
            name: Name of the file.
            most: Number of classes to store of every window.
            report: Receives progress.

        Raises:
            MediaError: The file cannot be decoded.
            NonFiniteError: The model returns a value that is not finite.
        """
        report = report or NullReporter()
        scores: list[WindowScores] = []
        mean, count = np.zeros(len(self.model.classes)), 0
        with report.task("predict", windows.num_expected or 1) as task:
            for views, probability in self._by_window(windows):
                scores.append(self._scores(views[0], probability.mean(axis=0), most))
                mean += probability.sum(axis=0)
                count += len(views)
                task.advance(note=f"{views[0].end_seconds:.0f} s")
        if not count:
            raise MediaError(f"{name}: no frame decodes", reason="no-frames")
        return Prediction(
            name=name,
            classes=self.model.classes,
            probability=mean / count,
            windows=tuple(scores),
            num_views=count,
            seconds=windows.seconds,
            audio=windows.audio,
            notes=(*self.notes(windows.audio), *windows.warnings),
        )

    def _by_window(
        self, windows: Windows
    ) -> Iterator[tuple[list[MediaWindow], Float[np.ndarray, "b l"]]]:
        """Yield all views of a window with their probabilities."""
        views: list[MediaWindow] = []
        rows: list[Float[np.ndarray, " l"]] = []
        for part in chunks(iter(windows)):
            for view, row in zip(part, self._probabilities(part), strict=True):
                if views and views[0].index != view.index:
                    yield views, np.stack(rows)
                    views, rows = [], []
                views.append(view)
                rows.append(row)
        if views:
            yield views, np.stack(rows)

    def _scores(
        self, view: MediaWindow, probability: Float[np.ndarray, " l"], most: int
    ) -> WindowScores:
        return WindowScores(
            index=view.index,
            start_seconds=view.start_seconds,
            end_seconds=view.end_seconds,
            top=rank(self.model.classes, probability, most),
            has_audio=self.hears and bool(view.audio_valid.any()),
        )

    @torch.inference_mode()
    def _probabilities(self, windows: list[MediaWindow]) -> Float[np.ndarray, "b l"]:
        no_audio = ignores_audio(self.model.settings)
        batch = to_batch(windows, modality=self.inputs, no_audio=no_audio).to(self.model.device)
        with autocast(self.model.device, self.model.precision):
            logits = self.network(
                batch.video, batch.mfcc, batch.audio_valid, output=self.inputs.output
            )
        probability = np.asarray(logits.float().cpu().double().softmax(dim=-1).numpy())
        if not np.isfinite(probability).all():
            raise NonFiniteError(
                f"{self.model.file}: the model output is not finite at "
                f"{windows[0].start_seconds:.1f} s: take another checkpoint"
            )
        return probability


def _modality_of(network: Classifier) -> Literal["av", "v", "a"]:
    if network.visual is None:
        return "a"
    return "v" if network.audio is None else "av"
