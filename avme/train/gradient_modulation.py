"""Gradient modulation: the encoder of the modality that is ahead learns slower.

This is on-the-fly gradient modulation (Peng et al. 2022, arXiv 2203.15332, eq. 8 to 10). A modality
is scored by the probabilities that it alone gives to the true classes of a batch, and its ratio rho
is its score over that of the other. The gradient of its encoder is multiplied by

    1 - tanh(alpha * rho)    if rho > 1,    else 1.

The authors read the scores from the halves of a linear head over both features; here they are those
of the unimodal heads, over clips with audio. Encoders are found as modules of the classifier, not
by the names and shapes of parameters. The noise of the second part of the method (generalization
enhancement) is not added.

Shape letters: b clips, l classes.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from avme.config import FinetuneConfig, PretrainConfig
from avme.train.distributed.fsdp import local_shard
from avme.train.distributed.process_group import Distributed

SCORES: Final = ("score_v", "score_a")
"""Names of the scores among the values of a step."""
_SMALLEST: Final = 1e-30


@dataclass(frozen=True, slots=True)
class GradientModulation:
    """Modulation of the gradients of one optimizer step."""

    alpha: float

    def apply(
        self, model: nn.Module, totals: dict[str, Tensor], processes: Distributed
    ) -> dict[str, Tensor]:
        """Scale the gradients of both encoders, and return the coefficients to log.

        The host does not wait for the device.

        Args:
            model: Classifier of both modalities, with gradients of the whole batch.
            totals: Values of the step, with the scores of this rank.
            processes: Ranks, all of which must call it.
        """
        scores = processes.mean(torch.stack([totals[name] for name in SCORES]))
        found = {}
        for name, scale in zip(("visual", "audio"), coefficients(scores, self.alpha), strict=True):
            for parameter in model.get_submodule(name).parameters():
                if parameter.grad is not None:
                    local_shard(parameter.grad).mul_(scale)
            found[f"gradient_scale_{name}"] = scale
        return found


def modulation_of(config: PretrainConfig | FinetuneConfig) -> GradientModulation | None:
    """Return the modulation that the settings ask for."""
    if not isinstance(config, FinetuneConfig) or config.modality != "av":
        return None
    alpha = config.head.gradient_modulation
    return GradientModulation(alpha) if alpha > 0.0 else None


def modality_scores(
    video: Float[Tensor, "b l"],
    audio: Float[Tensor, "b l"],
    target: Float[Tensor, "b l"],
    counted: Bool[Tensor, " b"],
) -> dict[str, Tensor]:
    """Return the mean over clips of the probability of the true class, by modality.

    Args:
        video: Logits of the head on video tokens.
        audio: Logits of the head on audio tokens.
        target: Shares of the classes; one-hot for clips that are not mixed.
        counted: Clips that count; the others have score 0.
    """
    with torch.no_grad():
        return {
            name: ((logits.softmax(dim=1) * target).sum(dim=1) * counted).mean()
            for name, logits in zip(SCORES, (video, audio), strict=True)
        }


def coefficients(scores: Float[Tensor, "2"], alpha: float) -> Float[Tensor, "2"]:
    """Return the factors on the gradients of both encoders; 1 where no clip counts."""
    rho = scores / scores.flip(0).clamp(min=_SMALLEST)
    return torch.where(rho > 1.0, 1.0 - torch.tanh(alpha * rho), torch.ones_like(rho))
