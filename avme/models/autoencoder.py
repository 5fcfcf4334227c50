"""AV-MaskEnhancer (paper Fig. 1): masked video and its audio to the masked pixels.

With fusion `none` it is VideoMAE, without an audio encoder.

Shape letters: b clips, c colors, t frames, h and w pixels, s MFCC rows, f coefficients, k visible
tokens, d channels.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from avme.config import ClipConfig, ModelConfig
from avme.models.audio_encoder import AudioEncoder
from avme.models.decoder import Decoder, DecoderOutput
from avme.models.fusion import build_fusion
from avme.models.masking import Grid, TokenMask
from avme.models.tubelets import cut_tubelets, take_tubelets
from avme.models.video_encoder import VisualEncoder


@dataclass(frozen=True, slots=True)
class MaeOutput:
    """Prediction and target pixels of a masked forward pass."""

    prediction: DecoderOutput
    hidden: Float[Tensor, "b m p"]
    """True pixels of the masked tubelets that are predicted, 0 to 1."""
    seen: Float[Tensor, "b k p"]
    """True pixels of the visible tubelets, 0 to 1."""


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
            config.decoder, 2 * dim if fused else dim, pixels, self.grid, trained=trained
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
