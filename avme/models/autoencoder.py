"""AV-MaskEnhancer (paper Fig. 1): masked video and its audio to the masked pixels.

With fusion `none` it is VideoMAE, without an audio encoder.

Shape letters: b clips, c colors, t frames, h and w pixels, s MFCC rows, f coefficients, k visible
tokens, m masked tokens, p pixels of a tubelet, d channels.
"""

from dataclasses import dataclass
from typing import Final, cast

import torch
from einops import repeat
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.config import ClipConfig, ModelConfig
from avme.models.audio_encoder import AudioEncoder
from avme.models.decoder import Decoder, DecoderOutput
from avme.models.fusion import build_fusion
from avme.models.masking import Grid, TokenMask
from avme.models.reconstruction_loss import Target, in_both_units, patch_statistics
from avme.models.tubelets import cut_tubelets, take_tubelets, to_pixels, to_tubelets
from avme.models.video_encoder import VisualEncoder

_GRAY: Final = 0.5


@dataclass(frozen=True, slots=True)
class MaeOutput:
    """Prediction and target pixels of a masked forward pass."""

    prediction: DecoderOutput
    hidden: Float[Tensor, "b m p"]
    """True pixels of the masked tubelets that are predicted, 0 to 1."""
    seen: Float[Tensor, "b k p"]
    """True pixels of the visible tubelets, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReconstructionImages:
    """Clips in three versions: original, as seen by the model, reconstructed; values 0 to 1."""

    truth: Float[Tensor, "b c t h w"]
    seen: Float[Tensor, "b c t h w"]
    """Masked patches are gray."""
    completed: Float[Tensor, "b c t h w"]
    psnr_db: tuple[float, ...]
    """PSNR over the masked patches of each clip."""


class MaskedAutoencoder(nn.Module):
    """Masked autoencoder: two encoders, a fusion and one decoder, each callable alone."""

    def __init__(self, config: ModelConfig, clip: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = grid_of(config, clip)
        visual, dim = config.visual, config.visual.dim
        trained = trained_grid(config)
        self.visual = VisualEncoder(visual, self.grid, trained=trained)
        pixels = visual.tubelet_size * visual.patch_size**2 * 3
        fused = config.fusion.kind != "none"
        self.decoder = Decoder(
            config.decoder,
            2 * dim if fused else dim,
            pixels,
            self.grid,
            trained=trained,
            layout=visual.positions,
        )
        self.audio = AudioEncoder(config.audio, dim, clip.span_rows) if fused else None
        self.fusion = build_fusion(config.fusion, dim, self.grid.slots) if fused else None
        if fused and config.fusion.kind == "cross-attention" and config.fusion.variant == "prenorm":
            zero_audio_half(self.decoder.bridge, dim)

    def forward(
        self,
        video: UInt8[Tensor, "b c t h w"],
        mfcc: Float[Tensor, "b s f"],
        audio_valid: Bool[Tensor, "b s"],
        choice: TokenMask,
        with_seen: bool = False,
    ) -> MaeOutput:
        """Predict the pixels of masked tubelets.

        Args:
            video: Frames, 0 to 255.
            mfcc: MFCC rows of the window.
            audio_valid: True for rows with audio.
            choice: Visible, masked and predicted tokens.
            with_seen: Also predict the visible tubelets.
        """
        tubelets = cut_tubelets(
            video, self.config.visual.tubelet_size, self.config.visual.patch_size
        )
        seen = take_tubelets(tubelets, choice.keep)
        fused = self.encode(seen, mfcc, audio_valid, choice)
        prediction = self.decoder(fused, choice, with_seen=with_seen)
        return MaeOutput(prediction, take_tubelets(tubelets, choice.predict), seen)

    def encode(
        self,
        seen: Float[Tensor, "b k p"],
        mfcc: Float[Tensor, "b s f"],
        audio_valid: Bool[Tensor, "b s"],
        choice: TokenMask,
    ) -> Float[Tensor, "b k d"]:
        """Return T_con, or T_v without a fusion.

        Args:
            seen: Pixels of the visible tubelets.
            mfcc: MFCC rows of the window.
            audio_valid: True for rows with audio.
            choice: Visible, masked and predicted tokens.
        """
        visual = cast(Tensor, self.visual(seen, choice.keep))
        if self.fusion is None or self.audio is None:
            return visual
        return cast(Tensor, self.fusion(visual, self.audio(mfcc, audio_valid)))


def grid_of(config: ModelConfig, clip: ClipConfig) -> Grid:
    """Return the token grid of a window: 8 x 14 x 14 for ViT-B."""
    side = clip.image_size // config.visual.patch_size
    return Grid(clip.num_frames // config.visual.tubelet_size, side, side)


def trained_grid(config: ModelConfig) -> Grid | None:
    """Return the grid of the pretrained positions, None if it is the model's own."""
    return None if config.pos_embed_grid is None else Grid(*config.pos_embed_grid)


@torch.no_grad()
def zero_audio_half(bridge: nn.Linear, dim: int) -> None:
    """Zero the audio half of the bridge: the fused model then starts exactly as VideoMAE."""
    bridge.weight[:, dim:] = 0.0


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
