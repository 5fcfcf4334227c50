"""Extraction: features of every clip of a list, averaged over its windows.

Shape letters: c clips of a batch, t time slots, d channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int

from avme.batch import AVBatch
from avme.data.dataloader import build_loader
from avme.data.eval_dataset import EvalDataset
from avme.errors import NonFiniteError
from avme.features.tokens import Pool, Stage, encode_tokens, pool_tokens
from avme.message_text import some_of
from avme.models.build import Network
from avme.train.distributed.process_group import Distributed
from avme.train.distributed.stop_signals import interruptible

_VIEWS_AT_A_TIME = 32


Lists = Literal["all", "train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOptions:
    """What is computed, from what, and how."""

    data: Path | None = None
    """Prepared dataset; None for the checkpoint's own, looked up in `data/`."""
    split: str | None = None
    """Name of the split; None for the checkpoint's."""
    stage: Stage | None = None
    """None for the deepest stage of the network."""
    pool: Pool | None = None
    """None for `mean`."""
    segments: int | None = None
    """Windows per clip that are averaged; None for one."""
    batch_size: int = 8
    """Clips per batch."""
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    """Dataloader processes; None for the number of free cores, at most 8."""
    overwrite: bool = False
    """Compute again, and replace files."""


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """Features of some clips of a list, by stage."""

    clip: Int[np.ndarray, " c"]
    """Indices in the list, ascending."""
    has_audio: Bool[np.ndarray, " c"]
    """True for clips with usable audio of their own, no donor's, in one of their windows."""
    features: dict[Stage, np.ndarray]
    """Single precision, shape (c, d), or (c, t, d) for each time slot."""


class FeatureExtractor:
    """Extractor for one list, reusable; its loader's workers stay alive between calls."""

    def __init__(
        self,
        clips: EvalDataset,
        *,
        stages: Sequence[Stage],
        pool: Pool,
        slots: int,
        batch: int,
        workers: int | None,
        device: torch.device,
        precision: torch.dtype,
        processes: Distributed,
    ) -> None:
        self.clips, self.stages = clips, tuple(stages)
        self.pool, self.slots = pool, slots
        self.device, self.precision, self.processes = device, precision, processes
        mine = list(range(processes.rank, len(clips), processes.world))
        self.loader = build_loader(
            clips,
            [mine[begin : begin + batch] for begin in range(0, len(mine), batch)],
            workers=workers,
            pin=device.type == "cuda",
            local_world_size=processes.local_world_size,
            batch_bytes=min(batch, max(len(mine), 1)) * clips.item_bytes,
        )

    def chunks(self, model: Network) -> Iterator[ClipFeatures]:
        """Yield the features of this rank's clips, a batch at a time.

        The model is put into evaluation mode. Raises NonFiniteError if a feature is not finite.
        """
        model.eval()
        for batch in interruptible(self.loader, self.processes.world):
            found = self._extract(model, batch)
            self._require_finite(found)
            yield found

    def gather(self, model: Network) -> ClipFeatures:
        """Return the features of all clips, in list order, on all ranks."""
        parts = self.processes.all_gather(list(self.chunks(model)))
        chunks = [chunk for part in parts for chunk in part]
        clip = np.concatenate([chunk.clip for chunk in chunks])
        order = np.argsort(clip, kind="stable")
        if not np.array_equal(clip[order], np.arange(len(self.clips))):
            raise RuntimeError(f"{len(clip)} clips have features, expected {len(self.clips)}")
        return ClipFeatures(
            clip=clip[order],
            has_audio=np.concatenate([chunk.has_audio for chunk in chunks])[order],
            features={
                stage: np.concatenate([chunk.features[stage] for chunk in chunks])[order]
                for stage in self.stages
            },
        )

    @torch.inference_mode()
    def _extract(self, model: Network, batch: AVBatch) -> ClipFeatures:
        views: dict[Stage, list[np.ndarray]] = {stage: [] for stage in self.stages}
        for begin in range(0, len(batch), _VIEWS_AT_A_TIME):
            part = batch.part(slice(begin, begin + _VIEWS_AT_A_TIME)).to(self.device)
            with torch.autocast(
                self.device.type, self.precision, enabled=self.precision != torch.float32
            ):
                tokens = encode_tokens(model, part, self.stages)
            for stage in self.stages:
                pooled = pool_tokens(tokens[stage], self.pool, self.slots)
                views[stage].append(pooled.cpu().numpy())
        clip, valid = batch.clip.numpy(), batch.has_audio.numpy()
        clips, entries = np.unique(clip), self.clips.reader.entries
        return ClipFeatures(
            clip=clips,
            has_audio=np.array(
                [entries[one].has_audio and bool(valid[clip == one].any()) for one in clips]
            ),
            features={
                stage: _mean_by_clip(np.concatenate(parts), clip, clips)
                for stage, parts in views.items()
            },
        )

    def _require_finite(self, found: ClipFeatures) -> None:
        for stage, rows in found.features.items():
            is_bad = ~np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
            if is_bad.any():
                names = some_of([self.clips.reader.entries[at].id for at in found.clip[is_bad]])
                raise NonFiniteError(
                    f"{stage} features are not finite ({names}): the weights are damaged, take an "
                    "earlier checkpoint"
                )


def _mean_by_clip(
    views: np.ndarray, clip: Int[np.ndarray, " v"], clips: Int[np.ndarray, " c"]
) -> np.ndarray:
    """Average the views of each clip in double precision.

    Shape letters: v views.
    """
    means = [views[clip == one].mean(axis=0, dtype=np.float64) for one in clips]
    return np.stack(means).astype(np.float32)
