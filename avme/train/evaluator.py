"""Evaluation of a classifier on a list of clips: every clip counted once, on any number of ranks.

All views of a clip come from one decoding; their softmax outputs are averaged.

Shape letters: n clips, b views of all clips of a batch, m versions of the audio, l classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from avme.batch import EvalBatch
from avme.data.dataloader import build_loader
from avme.data.eval_dataset import EvalDataset
from avme.errors import NonFiniteError
from avme.message_text import some_of
from avme.models.classifier import Classifier, Output
from avme.progress import Reporter
from avme.train.audio_variants import classify_each
from avme.train.distributed.process_group import Distributed
from avme.train.distributed.stop_signals import interruptible

_VIEWS_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class EvalScores:
    """Class probabilities of every clip of a list, in list order."""

    label: Int[np.ndarray, " n"]
    probability: Float[np.ndarray, "n l"]
    views: Int[np.ndarray, " n"]
    """Number of distinct views that were averaged."""
    center: Float[np.ndarray, "n l"]
    """Class probabilities of the view nearest to the center alone."""

    def correct(self, k: int) -> Bool[np.ndarray, " n"]:
        """Return `top_k_correct` of the averaged views."""
        return top_k_correct(self.label, self.probability, k)

    def top(self, k: int, among: Sequence[bool] | np.ndarray | None = None) -> float:
        """Return top-k accuracy, over all clips or those in the mask `among`; nan without clips."""
        rows = np.ones(len(self.label), bool) if among is None else np.asarray(among, bool)
        return float(self.correct(k)[rows].mean()) if rows.any() else float("nan")

    def cross_entropy(self) -> float:
        """Return the mean negative log-likelihood of the true classes."""
        own = self.probability[np.arange(len(self.label)), self.label]
        return float(-np.log(np.maximum(own, 1e-12)).mean())


def top_k_correct(
    label: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n l"], k: int
) -> Bool[np.ndarray, " n"]:
    """Return whether the true class of each clip is among the k most probable.

    A class ranks behind all classes of equal or higher probability: ties count against the model,
    so that a constant prediction is never right by class order. Classifiers return float32 logits,
    in which ties of trained models are rare.

    Args:
        label: True classes.
        probability: Probabilities or any increasing function of them.
        k: Number of classes that count.
    """
    own = probability[np.arange(len(label)), label]
    rank = (~(probability < own[:, None])).sum(axis=1)  # nan is never ahead
    return np.asarray(rank <= k)


class Evaluator:
    """Evaluator of one list, reusable; its loader's workers stay alive between calls."""

    def __init__(
        self,
        clips: EvalDataset,
        *,
        batch: int,
        workers: int | None,
        device: torch.device,
        precision: torch.dtype,
        processes: Distributed,
    ) -> None:
        self.device, self.precision, self.processes = device, precision, processes
        self.clips, self.num_clips = clips, len(clips)
        mine = list(range(processes.rank, self.num_clips, processes.world))
        self.loader = build_loader(
            clips,
            [mine[begin : begin + batch] for begin in range(0, len(mine), batch)],
            workers=workers,
            pin=device.type == "cuda",
            local_world_size=processes.local_world_size,
            batch_bytes=min(batch, max(len(mine), 1)) * clips.item_bytes,
        )

    def score(
        self, model: nn.Module, report: Reporter, title: str, output: Output = "fused"
    ) -> EvalScores:
        """Run the model in evaluation mode over the list; all ranks get all scores.

        Further audio of the dataset is not used.

        Args:
            model: Classifier, which may be wrapped.
            report: Receives progress.
            title: Title of the progress bar.
            output: Head of the classifier.

        Raises:
            NonFiniteError: The model returns a value that is not finite.
            StopWaiting: A stop was requested and no clips arrive.
        """

        def classify(part: EvalBatch) -> list[Tensor]:
            inputs = (part.video, part.mfcc, part.audio_valid)
            return [model(*inputs) if output == "fused" else model(*inputs, output=output)]

        return self._score(model, classify, report, title)[0]

    def score_each(self, model: Classifier, report: Reporter, title: str) -> list[EvalScores]:
        """Return the scores with each audio of the dataset, from one encoding of the frames.

        Args:
            model: Classifier.
            report: Receives progress.
            title: Title of the progress bar.

        Returns:
            Scores in the order of the dataset's sources of audio.

        Raises:
            NonFiniteError: The model returns a value that is not finite.
            StopWaiting: A stop was requested and no clips arrive.
        """

        def classify(part: EvalBatch) -> list[Tensor]:
            return classify_each(model, part, self.device)

        return self._score(model, classify, report, title)

    @torch.inference_mode()
    def _score(
        self,
        model: nn.Module,
        classify: Callable[[EvalBatch], list[Tensor]],
        report: Reporter,
        title: str,
    ) -> list[EvalScores]:
        model.eval()
        found: dict[int, _ClipScore] = {}
        with report.task(title, self.num_clips) as task:
            for batch in interruptible(self.loader, self.processes.world):
                before = len(found)
                found.update(self._score_batch(classify, cast(EvalBatch, batch)))
                task.advance((len(found) - before) * self.processes.world)
        everyone = [item for part in self.processes.all_gather(found) for item in part.items()]
        everyone.sort(key=lambda item: item[0])
        bad = [clip for clip, score in everyone if not np.isfinite(score.mean).all()]
        if bad:
            names = some_of([self.clips.reader.entries[clip].id for clip in bad])
            raise NonFiniteError(
                f"{title}: the model output is not finite for {len(bad)} of {self.num_clips} clips "
                f"({names}): the weights are damaged, start again from an earlier checkpoint with "
                "a lower optim.lr"
            )
        if [clip for clip, _ in everyone] != list(range(self.num_clips)):
            raise RuntimeError(f"{len(everyone)} clips were scored, expected {self.num_clips}")
        label = np.array([score.label for _, score in everyone], dtype=np.int64)
        views = np.array([score.views for _, score in everyone], dtype=np.int64)
        mean = np.stack([score.mean for _, score in everyone], axis=1)
        center = np.stack([score.center for _, score in everyone], axis=1)
        return [
            EvalScores(label=label, probability=each, views=views, center=one)
            for each, one in zip(mean, center, strict=True)
        ]

    def _score_batch(
        self, classify: Callable[[EvalBatch], list[Tensor]], batch: EvalBatch
    ) -> dict[int, "_ClipScore"]:
        parts = []
        for begin in range(0, len(batch), _VIEWS_AT_A_TIME):
            part = batch.part(slice(begin, begin + _VIEWS_AT_A_TIME)).to(self.device)
            with torch.autocast(
                self.device.type, self.precision, enabled=self.precision != torch.float32
            ):
                logits = classify(cast(EvalBatch, part))
            parts.append(
                np.stack([each.float().cpu().double().softmax(dim=-1).numpy() for each in logits])
            )
        probability = np.concatenate(parts, axis=1)
        clip, label = batch.clip.numpy(), batch.label.numpy()
        is_center = batch.is_center.numpy()
        return {
            int(one): _ClipScore(
                int(label[clip == one][0]),
                int((clip == one).sum()),
                np.stack([each[clip == one].mean(axis=0) for each in probability]),
                probability[:, is_center & (clip == one)][:, 0],
            )
            for one in np.unique(clip)
        }


@dataclass(frozen=True, slots=True)
class _ClipScore:
    label: int
    views: int
    mean: Float[np.ndarray, "m l"]
    center: Float[np.ndarray, "m l"]
