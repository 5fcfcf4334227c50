"""NaN guard: stops a run with non-finite numbers before they are saved, and names the clips.

The device keeps a few numbers per clip of the steps since the last check; the host reads one sum,
at logged steps and before every save. Only if that is not finite, it reads the rest and finds the
first bad step; later steps are no evidence, as the weights are broken by then.

Shape letters: b clips, s MFCC rows, f coefficients.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from avme.batch import AVBatch
from avme.errors import NonFiniteError
from avme.io.atomic import write_json
from avme.message_text import some_of
from avme.train.distributed.fsdp import local_shard
from avme.train.distributed.process_group import Distributed
from avme.train.metrics.metric_meter import MetricMeter

MIN_LOSS_SCALE = 1e-4
"""Minimum loss scale; below it the run ends, as with fairseq's `--min-loss-scale`."""
MAX_ABS_MFCC = 1e9
"""Maximum deviations from the mean for valid audio; a clip with more is damaged."""

_CALM = "lower optim.lr, set optim.grad_clip_norm, or use --precision fp32"
_MEND = "prepare such clips again, or leave them out"
_BEFORE = "the last checkpoint is older"

Describe = Callable[[int, int], dict[str, Any]]
"""(index of a clip, its seed) -> `clip`, its name, and its window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEvidence:
    """Evidence on a clip of the first bad step."""

    rank: int
    index: int
    """Index of the clip in the list."""
    seed: int
    max_abs_mfcc: float
    """Largest MFCC value, in deviations from the mean."""
    prediction: float
    """Norm of its prediction; not finite if its part of the loss is not."""
    loss: float
    """Loss of the micro-batch."""

    @property
    def has_broken_audio(self) -> bool:
        """True if the MFCC were damaged before the model read them."""
        return not self.max_abs_mfcc < MAX_ABS_MFCC


@dataclass(frozen=True, slots=True, order=True)
class _Bad:
    """First non-finite number of a rank; the minimum over ranks came first."""

    step: float = math.inf
    turn: int = 0
    """Order within a step: the loss precedes the gradient."""
    what: str = ""
    value: str = ""
    """nan, inf or -inf."""


@dataclass(frozen=True, slots=True)
class _MicroBatch:
    step: int
    clips: Tensor
    seeds: Tensor
    loss: Tensor
    numbers: Float[Tensor, "two b"]


class NanGuard:
    """NaN guard of the losses and gradients of one run."""

    def __init__(
        self,
        processes: Distributed,
        *,
        describe: Describe | None = None,
        folder: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.processes, self.folder = processes, folder
        self.describe = describe or (lambda index, _: {"clip": f"number {index}"})
        self.settings = dict(settings or {})
        self._seen: list[_MicroBatch] = []
        self._gradients: list[tuple[int, Tensor]] = []

    def note(
        self, step: int, batch: AVBatch, loss: Tensor, lengths: Float[Tensor, " b"] | None
    ) -> None:
        """Record a micro-batch, on its device.

        Args:
            step: Number of the step.
            batch: Clips.
            loss: Loss of the micro-batch.
            lengths: Norms of the predictions, by clip.
        """
        loudest = batch.mfcc.abs().amax(dim=(1, 2)).float()
        lengths = torch.zeros_like(loudest) if lengths is None else lengths.float()
        numbers = torch.stack([loudest, lengths])
        self._seen.append(_MicroBatch(step, batch.clip, batch.seed, loss.detach(), numbers))

    def note_gradient(self, step: int, norm: Tensor) -> None:
        """Record the gradient norm of a step."""
        self._gradients.append((step, norm.detach()))

    def require_finite(self, meter: MetricMeter, step: int) -> None:
        """Check losses and gradients since the last check; all ranks must call it.

        Raises NonFiniteError, which names the clips.
        """
        if math.isfinite(meter.sum_so_far(("loss", "grad_norm"), self.processes)):
            self._seen, self._gradients = [], []
            return
        raise NonFiniteError(self._blame(step))

    def require_scale(self, scaler: torch.amp.GradScaler, step: int) -> None:
        """Raise NonFiniteError if float16 steps were skipped until the loss scale is nearly 0.

        Single skipped steps are normal: they adapt the scale.
        """
        if scaler.is_enabled() and scaler.get_scale() < MIN_LOSS_SCALE:
            raise NonFiniteError(
                f"gradients of float16 are inf or nan at every loss scale by step {step} (now "
                f"{scaler.get_scale():.1g}, expected {MIN_LOSS_SCALE:g} or more): {_CALM}; "
                f"{_BEFORE}"
            )

    def require_finite_weights(self, model: nn.Module, step: int) -> None:
        """Raise NonFiniteError if a weight or a statistic is not finite; all ranks must call it."""
        state = model.state_dict().values()
        numbers = [local_shard(value) for value in state if value.is_floating_point()]
        norm = self.processes.mean(get_total_norm(numbers).float())
        if not math.isfinite(float(norm)):
            raise NonFiniteError(
                f"the weights are not finite after step {step}, and were not saved: {_CALM}; "
                f"{_BEFORE}"
            )

    def _blame(self, step: int) -> str:
        first = min(self.processes.all_gather(self._first_bad()))
        if math.isinf(first.step):
            return f"the loss became non-finite by step {step}: {_CALM}; {_BEFORE}"
        bad = int(first.step)
        everyone = [one for part in self.processes.all_gather(self._suspects(bad)) for one in part]
        guilty = find_bad_clips(everyone)
        file = self.processes.run_on_rank0(lambda: self._write(bad, first, everyone, guilty))
        broken = [one for one in everyone if not math.isfinite(one.loss)]
        ranks = sorted({one.rank for one in guilty or broken or everyone})
        where = f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"
        return (
            f"the {first.what} became {first.value} at step {bad} on {where}: "
            f"{self._reason(everyone, guilty)}; {_BEFORE}{f'; {file} has details' if file else ''}"
        )

    def _first_bad(self) -> _Bad:
        """Return the first non-finite number of this rank."""
        losses = [(seen.step, 0, "loss", float(seen.loss)) for seen in self._seen]
        norms = [(step, 1, "gradient", float(norm)) for step, norm in self._gradients]
        bad = (
            _Bad(float(step), turn, what, str(value))
            for step, turn, what, value in [*losses, *norms]
            if not math.isfinite(value)
        )
        return min(bad, default=_Bad())

    def _suspects(self, step: int) -> list[ClipEvidence]:
        return [
            ClipEvidence(
                rank=self.processes.rank,
                index=index,
                seed=seed,
                max_abs_mfcc=loudest,
                prediction=prediction,
                loss=float(seen.loss),
            )
            for seen in self._seen
            if seen.step == step
            for index, seed, loudest, prediction in zip(
                seen.clips.tolist(), seen.seeds.tolist(), *seen.numbers.tolist(), strict=True
            )
        ]

    def _reason(self, everyone: Sequence[ClipEvidence], guilty: Sequence[ClipEvidence]) -> str:
        if not guilty:
            return f"none of its {len(everyone)} clips alone is the cause: {_CALM}"
        names = list(dict.fromkeys(self.describe(one.index, one.seed)["clip"] for one in guilty))
        named = some_of(names)
        if guilty[0].has_broken_audio:
            return f"the audio of {named} is not finite, or far too large: {_MEND}"
        return f"the model output for {named} is not finite: {_CALM}"

    def _write(
        self,
        step: int,
        first: _Bad,
        everyone: Sequence[ClipEvidence],
        guilty: Sequence[ClipEvidence],
    ) -> Path | None:
        if self.folder is None:
            return None
        clips = [
            {
                **self.describe(one.index, one.seed),
                "blamed": one in guilty,
                **{name: _plain(value) for name, value in asdict(one).items()},
            }
            for one in everyone
        ]
        path = self.folder / f"nan-step-{step}.json"
        content = {
            "step": step,
            "what": first.what,
            "value": first.value,
            "processes": self.processes.world,
            "clips": clips,
            "settings": self.settings,
        }
        write_json(path, content)
        return path


def find_bad_clips(suspects: Sequence[ClipEvidence]) -> list[ClipEvidence]:
    """Select the clips with damaged audio; else those with non-finite predictions.

    Batch statistics carry damaged audio to all clips of a step and to all ranks, so that
    predictions of the other clips are no evidence.
    """
    broken = [one for one in suspects if one.has_broken_audio]
    return broken or [one for one in suspects if not math.isfinite(one.prediction)]


def _plain(value: int | float) -> int | float | str:
    """Replace nan and inf, which JSON lacks."""
    return value if math.isfinite(value) else str(value)
