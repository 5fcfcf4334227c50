"""Images of a reconstruction: original, what the model sees, and its prediction.

Shape letters: b clips, m masked tokens, p pixels of a tubelet, t frames, h and w pixels, c colors.
"""

from dataclasses import dataclass
from typing import Final, cast

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor

from avme.batch import AVBatch
from avme.models.autoencoder import MaeOutput, MaskedAutoencoder
from avme.models.masking import TokenMask
from avme.models.reconstruction_loss import Target, in_both_units, patch_statistics
from avme.models.tubelets import to_pixels, to_tubelets

_GRAY: Final = 0.5


@dataclass(frozen=True, slots=True)
class ReconstructionImages:
    """Clips in three versions: original, as seen by the model, reconstructed; values 0 to 1."""

    truth: Float[Tensor, "b c t h w"]
    seen: Float[Tensor, "b c t h w"]
    """Masked patches are gray."""
    completed: Float[Tensor, "b c t h w"]
    psnr_db: tuple[float, ...]
    """PSNR over the masked patches of each clip."""


def reconstruct(
    model: MaskedAutoencoder, batch: AVBatch, choice: TokenMask, target: Target
) -> ReconstructionImages:
    """Mask tokens by `choice` and let the model predict them.

    Args:
        model: Autoencoder.
        batch: Clips.
        choice: Visible and masked tokens.
        target: Normalized or pixel target.
    """
    visual = model.config.visual
    with torch.inference_mode():
        made = cast(MaeOutput, model(batch.video, batch.mfcc, batch.audio_valid, choice))
        tubelets = to_tubelets(batch.video, visual.tubelet_size, visual.patch_size)
        predicted = made.prediction.hidden.float()
        figures = [
            in_both_units(predicted[[row]], made.hidden[[row]], target) for row in range(len(batch))
        ]
        if target == "normalized":
            predicted = patch_statistics(made.hidden).restore(predicted)

        def with_hidden(hidden: Float[Tensor, "b m p"]) -> Float[Tensor, "b c t h w"]:
            index = repeat(choice.hide, "b m -> b m p", p=tubelets.shape[-1])
            whole = tubelets.scatter(1, index, hidden)
            return to_pixels(whole, model.grid, visual.tubelet_size, visual.patch_size).clamp(
                0.0, 1.0
            )

        return ReconstructionImages(
            truth=with_hidden(made.hidden),
            seen=with_hidden(torch.full_like(made.hidden, _GRAY)),
            completed=with_hidden(predicted),
            psnr_db=tuple(float(row["psnr_db"]) for row in figures),
        )
