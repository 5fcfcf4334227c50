"""Audio encoder E_a (paper III-C, eq. 5): MFCC of the window to tokens T_a.

Four MFCC rows, the duration of one source frame, become one token. Clips without usable audio skip
the convolutions, so that batch statistics come from real audio only; their tokens, and tokens past
the end of an audio track, are a learned null token.

Padding acts like the end of the window: after every layer its positions are set to zero, as
convolutions pad, and are excluded from batch statistics and squeeze-excitation. The tokens of n
valid rows equal those of a window of n rows.

`audio_valid` is read on the host, where it stays in training: reading it from the device would
block the host in the middle of every step.

Shape letters: b clips, s MFCC rows, f coefficients, a = s / 4 tokens, d channels; in the
convolutions c and e channels, h frequency, w time (h2 and w2 after a stride).
"""

from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Bool, Float
from torch import Tensor, nn

from avme.config import AudioConfig
from avme.models.layers.blocks import NORM_EPS, initialise
from avme.models.layers.onednn_linear import Linear
from avme.models.layers.pos_embed import sine_cosine_table
from avme.models.layers.sync_batchnorm import GlobalBatchNorm

ROWS_PER_TOKEN = 4
SQUEEZE = 8


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation: channel weights from the whole clip (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, max(channels // SQUEEZE, 1))
        self.excite = nn.Linear(max(channels // SQUEEZE, 1), channels)

    def forward(
        self, maps: Float[Tensor, "b c h w"], valid: Bool[Tensor, "b w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Weight the channels; the mean is over `valid` positions (None: all). Same shape in and
        out."""
        if valid is None:
            pooled = reduce(maps, "b c h w -> b c", "mean")
        else:
            over_time = reduce(_without_padding(maps, valid).float(), "b c h w -> b c w", "mean")
            count = valid.sum(dim=1, keepdim=True).clamp(min=1)
            pooled = (over_time.sum(dim=2) / count).to(maps.dtype)
        weight = torch.sigmoid(self.excite(F.relu(self.squeeze(pooled))))
        return maps * weight[:, :, None, None]


class ResidualBlock(nn.Module):
    """Residual block in TalkNet's order: conv, ReLU, norm, conv, norm, squeeze-excitation."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = GlobalBatchNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = GlobalBatchNorm(outputs)
        self.excitation = SqueezeExcitation(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), GlobalBatchNorm(outputs)
            )
        )

    def forward(
        self, maps: Float[Tensor, "b c h w"], valid: Bool[Tensor, "b w2"] | None = None
    ) -> Float[Tensor, "b e h2 w2"]:
        """Apply the block. A stride of 2 halves height and width; `valid` refers to the output."""
        inner = _without_padding(self.norm1(F.relu(self.conv1(maps)), valid), valid)
        inner = self.norm2(self.conv2(inner), valid)
        if not isinstance(self.shortcut, nn.Identity):
            convolution, norm = self.shortcut
            maps = norm(convolution(maps), valid)
        return _without_padding(F.relu(self.excitation(inner, valid) + maps), valid)


class AudioResNet(nn.Module):
    """TalkNet's dilated SE-ResNet34: fewer strides, so that time shrinks by four only."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        widths = config.widths
        self.stem = nn.Conv2d(1, widths[0], 7, (2, 1), 3, bias=False)
        self.stem_norm = GlobalBatchNorm(widths[0])
        inputs, stages = widths[0], []
        for width, count, stride in zip(widths, config.blocks, (1, 2, 2, 1), strict=True):
            stages += [ResidualBlock(inputs, width, stride)]
            stages += [ResidualBlock(width, width, 1) for _ in range(count - 1)]
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.apply(_kaiming)

    def forward(
        self, mfcc: Float[Tensor, "b s f"], valid: Bool[Tensor, "b s"] | None = None
    ) -> Float[Tensor, "b a c"]:
        """Return one vector for every four rows; a batch of zero clips is allowed.

        Vectors without a valid row are zero. With `valid` None the operations are TalkNet's.
        """
        maps = _without_padding(rearrange(mfcc, "b s f -> b 1 f s"), valid)
        maps = _without_padding(F.relu(self.stem_norm(self.stem(maps), valid)), valid)
        for block in self.stages:
            if valid is not None and cast(ResidualBlock, block).stride == 2:
                valid = F.max_pool1d(valid.float(), 2, ceil_mode=True) > 0
            maps = block(maps, valid)
        return reduce(maps, "b c h w -> b w c", "mean")


class AudioEncoder(nn.Module):
    """Audio tokens: ResNet, projection to the visual width, null token, positions in time."""

    positions: Tensor

    def __init__(self, config: AudioConfig, dim: int, num_rows: int) -> None:
        super().__init__()
        self.resnet = AudioResNet(config)
        self.project = Linear(config.widths[-1], dim)
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.null = nn.Parameter(torch.zeros(dim))
        self.register_buffer(
            "positions", sine_cosine_table(num_rows // ROWS_PER_TOKEN, dim), persistent=False
        )
        self.project.apply(initialise)
        nn.init.trunc_normal_(self.null, std=0.02)

    def forward(
        self, mfcc: Float[Tensor, "b s f"], valid: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b a d"]:
        """Return the tokens of every clip; tokens without a valid row are the null token.

        `valid` may be on the CPU for inputs on any device, which avoids a synchronization.
        """
        with_audio = valid.any(dim=1).nonzero().squeeze(1)
        rows = valid[with_audio.to(valid.device)]
        is_whole = rows.is_meta or bool(rows.all())
        with_audio = with_audio.to(mfcc.device, non_blocking=True)
        valid = valid.to(mfcc.device, non_blocking=True)
        features = self.resnet(mfcc[with_audio], None if is_whole else valid[with_audio])
        tokens = self.norm(self.project(features))
        placed = tokens.new_zeros(len(mfcc), *tokens.shape[1:]).index_copy(0, with_audio, tokens)
        return self._with_null(placed, valid)

    def encode_all(
        self, mfcc: Float[Tensor, "b s f"], valid: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b a d"]:
        """Return the tokens of `forward` by operations that are the same for all values.

        For exported graphs, in evaluation mode: clips without audio pass the convolutions too.
        """
        return self._with_null(self.norm(self.project(self.resnet(mfcc, valid))), valid)

    def _with_null(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Replace the tokens without a valid row by the null token, and add positions."""
        token_valid = reduce(valid.float(), "b (a four) -> b a", "max", four=ROWS_PER_TOKEN) > 0
        return torch.where(token_valid[..., None], tokens, self.null) + self.positions


def _without_padding(maps: Tensor, valid: Tensor | None) -> Tensor:
    """Set positions of the last axis that are not valid to zero."""
    return maps if valid is None else maps.masked_fill(~valid[:, None, None], 0.0)


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
