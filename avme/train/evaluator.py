"""A classifier over a list of clips: every clip counted exactly once, by any number of processes.

All views of a clip come from one reading of it; their softmax outputs are averaged.

Shape letters: n clips, v views of all clips of a batch, l classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.data.dataloader import build_loader
from avme.data.dataset import ScoringClips
from avme.errors import NotFinite
from avme.progress import Reporter, some_of
from avme.train.distributed.process_group import Processes
from avme.train.distributed.stop_signals import interruptible

_VIEWS_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Scores:
    """What a classifier says of every clip of a list, in the list's order."""

    label: Int[np.ndarray, " n"]
    probability: Float[np.ndarray, "n l"]
    views: Int[np.ndarray, " n"]
    """Distinct views that were averaged."""

    def top(self, k: int, among: Sequence[bool] | np.ndarray | None = None) -> float:
        """Share of clips (of those `among`) whose class is among the k most likely.

        A class ranks behind all classes of equal or higher probability: ties count against the
        model, so that a constant answer is never right by the order of the classes. Classifiers
        return float32 logits, in which ties of trained models are rare. Returns nan for no clip.
        """
        rows = np.ones(len(self.label), bool) if among is None else np.asarray(among, bool)
        own = self.probability[np.arange(len(self.label)), self.label]
        rank = (~(self.probability < own[:, None])).sum(axis=1)  # nan beats nothing
        return float((rank[rows] <= k).mean()) if rows.any() else float("nan")

    def cross_entropy(self) -> float:
        """Mean negative log-likelihood of the true classes."""
        own = self.probability[np.arange(len(self.label)), self.label]
        return float(-np.log(np.maximum(own, 1e-12)).mean())


class Scorer:
    """Scores the same list as often as wanted; its loader's workers stay alive in between."""

    def __init__(
        self,
        clips: ScoringClips,
        *,
        batch: int,
        workers: int | None,
        device: torch.device,
        precision: torch.dtype,
        processes: Processes,
    ) -> None:
        self.device, self.precision, self.processes = device, precision, processes
        self.clips, self.num_clips = clips, len(clips)
        mine = list(range(processes.rank, self.num_clips, processes.world))
        self.loader = build_loader(
            clips,
            [mine[begin : begin + batch] for begin in range(0, len(mine), batch)],
            workers=workers,
            pin=device.type == "cuda",
            local_world=processes.local_world,
            batch_bytes=min(batch, max(len(mine), 1)) * clips.item_bytes,
        )

    @torch.inference_mode()
    def score(self, model: nn.Module, report: Reporter, title: str) -> Scores:
        """Runs the model in evaluation mode over the list; all processes get all scores.

        Raises NotFinite where the model gives anything but numbers, StopWaiting where a run is
        asked to stop and no clips come.
        """
        model.eval()
        found: dict[int, tuple[int, int, np.ndarray]] = {}
        with report.task(title, self.num_clips) as task:
            for batch in interruptible(self.loader, self.processes.world):
                before = len(found)
                found.update(self._score_batch(model, batch))
                task.advance((len(found) - before) * self.processes.world)
        everyone = [item for part in self.processes.gather(found) for item in part.items()]
        everyone.sort(key=lambda item: item[0])
        bad = [clip for clip, (_, _, mean) in everyone if not np.isfinite(mean).all()]
        if bad:
            names = some_of([self.clips.reader.entries[clip].id for clip in bad])
            raise NotFinite(
                f"{title}: the model's output is not a number for {len(bad)} of {self.num_clips} "
                f"clips ({names}): the weights are damaged, start again from an earlier checkpoint "
                "with a lower optim.lr"
            )
        if [clip for clip, _ in everyone] != list(range(self.num_clips)):
            raise RuntimeError(f"{len(everyone)} clips were scored, expected {self.num_clips}")
        return Scores(
            label=np.array([label for _, (label, _, _) in everyone], dtype=np.int64),
            probability=np.stack([mean for _, (_, _, mean) in everyone]),
            views=np.array([views for _, (_, views, _) in everyone], dtype=np.int64),
        )

    def _score_batch(
        self, model: nn.Module, batch: AVBatch
    ) -> dict[int, tuple[int, int, np.ndarray]]:
        parts = []
        for begin in range(0, len(batch), _VIEWS_AT_A_TIME):
            part = batch.part(slice(begin, begin + _VIEWS_AT_A_TIME)).to(self.device)
            with torch.autocast(
                self.device.type, self.precision, enabled=self.precision != torch.float32
            ):
                logits: Tensor = model(part.video, part.mfcc, part.audio_valid)
            parts.append(logits.float().cpu().double().softmax(dim=-1).numpy())
        probability = np.concatenate(parts)
        clip, label = batch.clip.numpy(), batch.label.numpy()
        return {
            int(one): (
                int(label[clip == one][0]),
                int((clip == one).sum()),
                probability[clip == one].mean(axis=0),
            )
            for one in np.unique(clip)
        }
