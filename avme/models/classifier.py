"""Fine-tuning classifier: pooled tokens of a window to class logits (paper IV-C).

Modality `v` is VideoMAE's own classifier, `a` uses audio only, `av` pools T_con. On little data the
mean token is nearly equal for all clips; batch normalization removes the common part, and max
pooling finds what only a few tokens show (docs/decisions.md 14).

With `unimodal` an `av` classifier has a head on the video tokens and one on the audio tokens beside
the fused one, as TalkNet trains: an encoder then learns although the other modality is easier, and
one checkpoint gives all three classifiers and the product of the two. With `residual` the fused
head learns what that product lacks: its logits are added to the log probabilities of both heads.

Pooling, norm and head compute in float32 under autocast too: bfloat16 has 8 bits of mantissa, in
which the logits of different classes are often equal.

Shape letters: b clips, c colors, t frames, h and w pixels, s MFCC rows, f coefficients, k
video tokens, a audio tokens, d channels, l classes.
"""

from typing import Literal, cast

import torch
from einops import reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from avme.config import ClipConfig, FinetuneConfig, ModelConfig
from avme.errors import ConfigError
from avme.models.audio_encoder import AudioEncoder
from avme.models.autoencoder import grid_of, trained_grid
from avme.models.fusion import build_fusion
from avme.models.layers.dropout import Dropout
from avme.models.layers.heads import PooledHead, PooledNorm, full_precision, pooled_norm, product_of
from avme.models.tubelets import to_tubelets
from avme.models.video_encoder import VisualEncoder

Modality = Literal["av", "v", "a"]
Pool = Literal["mean", "max", "first"]
Output = Literal["fused", "v", "a", "product", "every"]
"""Head of a classifier with unimodal heads: product multiplies the probabilities of v and a, every
stacks the logits of fused, v and a."""


class Classifier(nn.Module):
    """Classifier: the encoders of pretraining, pooled tokens, a norm and one linear layer."""

    def __init__(
        self,
        config: ModelConfig,
        clip: ClipConfig,
        num_classes: int,
        modality: Modality,
        *,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        init_scale: float = 1.0,
        pool: Pool = "mean",
        norm: PooledNorm = "layer",
        unimodal: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.is_residual = residual and unimodal and modality == "av"
        self.pool_by: Pool = pool
        grid, dim = grid_of(config, clip), config.visual.dim
        sees, hears = modality != "a", modality != "v"
        both = sees and hears
        self.visual = (
            VisualEncoder(
                config.visual,
                grid,
                trained=trained_grid(config),
                drop_path=drop_path,
                final_norm=both,
            )
            if sees
            else None
        )
        self.audio = AudioEncoder(config.audio, dim, clip.span_rows) if hears else None
        self.fusion = build_fusion(config.fusion, dim, grid.slots) if both else None
        width = 2 * dim if both else dim
        self.norm = pooled_norm(width, norm)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.head.weight.data.mul_(init_scale)
        self.unimodal = (
            nn.ModuleDict(
                {name: PooledHead(dim, num_classes, dropout, norm) for name in ("v", "a")}
            )
            if both and unimodal
            else None
        )

    def forward(
        self,
        video: UInt8[Tensor, "b c t h w"],
        mfcc: Float[Tensor, "b s f"],
        audio_valid: Bool[Tensor, "b s"],
        output: Output = "fused",
    ) -> Float[Tensor, "*heads b l"]:
        """Return logits in float32, independent of autocast in the encoders.

        Args:
            video: Frames, 0 to 255.
            mfcc: MFCC rows of the window.
            audio_valid: True for rows with audio.
            output: Head; others than fused need unimodal heads.
        """
        if output == "fused" and not self.is_residual:
            return self._logits(self.pool(video, mfcc, audio_valid))
        has_audio = audio_valid.any(dim=1)
        seen = None if output == "a" else self.encode_video(video)
        heard = None if output == "v" else self.encode_audio(mfcc, audio_valid)
        if output == "fused":
            return self.classify(seen, heard, has_audio)
        if output == "product":
            return product_of(self._unimodal("v", seen), self._unimodal("a", heard), has_audio)
        if output == "every":
            heads = self._unimodal("v", seen), self._unimodal("a", heard)
            return torch.stack([self._fused(seen, heard, heads, has_audio), *heads])
        return self._unimodal(output, seen if heard is None else heard)

    def pool(
        self,
        video: UInt8[Tensor, "b c t h w"],
        mfcc: Float[Tensor, "b s f"],
        audio_valid: Bool[Tensor, "b s"],
    ) -> Float[Tensor, "b d"]:
        """Return one pooled token per clip in float32, from the modalities of this classifier.

        Args:
            video: Frames, 0 to 255.
            mfcc: MFCC rows of the window.
            audio_valid: True for rows with audio.
        """
        audio = self.encode_audio(mfcc, audio_valid)
        return self._pool_tokens(self.encode_video(video), audio)

    def encode_video(self, video: UInt8[Tensor, "b c t h w"]) -> Float[Tensor, "b k d"] | None:
        """Return video tokens, 0 to 255 in; None for modality `a`.

        `classify` with the same video tokens and other audio tokens gives the logits of other audio
        without encoding the frames again.
        """
        if self.visual is None:
            return None
        sizes = self.config.visual
        tubelets = to_tubelets(video, sizes.tubelet_size, sizes.patch_size)
        return cast(Tensor, self.visual(tubelets))

    def encode_audio(
        self, mfcc: Float[Tensor, "b s f"], audio_valid: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b a d"] | None:
        """Return audio tokens, null tokens where no row is valid; None for modality `v`."""
        return None if self.audio is None else cast(Tensor, self.audio(mfcc, audio_valid))

    def classify(
        self,
        video: Float[Tensor, "b k d"] | None,
        audio: Float[Tensor, "b a d"] | None,
        has_audio: Bool[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b l"]:
        """Fuse the tokens of both encoders and return logits in float32, as `forward` does.

        Args:
            video: Video tokens.
            audio: Audio tokens.
            has_audio: True for clips with a valid MFCC row; None if all have one.
        """
        if not self.is_residual:
            return self._logits(self._pool_tokens(video, audio))
        heads = self._unimodal("v", video), self._unimodal("a", audio)
        return self._fused(video, audio, heads, has_audio)

    def _fused(
        self,
        video: Tensor | None,
        audio: Tensor | None,
        heads: tuple[Tensor, Tensor],
        has_audio: Bool[Tensor, " b"] | None,
    ) -> Float[Tensor, "b l"]:
        logits = self._logits(self._pool_tokens(video, audio))
        if not self.is_residual:
            return logits
        # Detached: the loss of the fused logits is small once one modality suffices, and would keep
        # the encoder of the other from learning.
        return logits + product_of(heads[0].detach(), heads[1].detach(), has_audio)

    def _unimodal(self, name: Literal["v", "a"], tokens: Tensor | None) -> Float[Tensor, "b l"]:
        if self.unimodal is None:
            raise ConfigError(f"output {name}: the classifier has no unimodal heads")
        return cast(Tensor, self.unimodal[name](self._reduce(cast(Tensor, tokens))))

    def _pool_tokens(self, video: Tensor | None, audio: Tensor | None) -> Float[Tensor, "b d"]:
        tokens = video if audio is None else audio
        if self.fusion is not None:
            tokens = self.fusion(video, audio)
        return self._reduce(cast(Tensor, tokens))

    def _reduce(self, tokens: Float[Tensor, "b k d"]) -> Float[Tensor, "b d"]:
        if self.pool_by == "first":
            return tokens[:, 0].float()
        return reduce(tokens.float(), "b k d -> b d", self.pool_by)

    def _logits(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b l"]:
        with full_precision(pooled.device.type):
            return cast(Tensor, self.head(self.dropout(self.norm(pooled))))


def build_classifier(config: FinetuneConfig, num_classes: int) -> Classifier:
    """Build the classifier that the settings describe, with fresh weights."""
    head = config.head
    return Classifier(
        config.model,
        config.clip,
        num_classes,
        config.modality,
        dropout=head.dropout,
        drop_path=head.drop_path,
        init_scale=head.init_scale,
        pool=head.pool,
        norm=head.norm,
        unimodal=head.unimodal_weight > 0.0,
        residual=head.residual,
    )
