"""Comparison of autoencoders on the same clips, beside the free baselines.

Autoencoders of one setup get the same frames and the same mask, drawn from the seed and the clip's
number. A prediction of the normalized target becomes pixels in two ways: with mean and deviation of
the original hidden patches, as in VideoMAE's figures, and with those estimated from visible
patches. The first knows more than a masked video gives: a prediction of zero is already the mean
color of every hidden patch, which is scored too.

Shape letters: m hidden tokens, p pixels of a tubelet; t frames, h and w pixels, c colors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from avme.errors import AvmeError
from avme.models.masking import TokenMask, TubeMask
from avme.models.reconstruction_loss import PatchStatistics, patch_statistics
from avme.reconstruction.autoencoders import Autoencoder, Setup
from avme.reconstruction.baselines import FREE, flat
from avme.reconstruction.clip_inputs import AUDIO_VERSIONS, AudioVersion, ClipInput, ClipSource
from avme.reconstruction.masked_clip import MaskedClip, masked_clips
from avme.reconstruction.quality import Quality, quality_of
from avme.reconstruction.visible_statistics import visible_statistics

Statistics = Literal["hidden", "visible"]
"""Patches whose mean and deviation turn a normalized prediction into pixels."""
STATISTICS: Final[tuple[Statistics, ...]] = ("hidden", "visible")
FLAT: Final = "flat: mean color of each hidden patch"
"""Reference: prediction of zero with the statistics of the hidden patches."""
_GRAY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Version:
    """Completed frames of one autoencoder or baseline, with its quality."""

    name: str
    frames: UInt8[np.ndarray, "t h w c"]
    quality: Mapping[tuple[Statistics | None, AudioVersion | None], Quality]
    """By statistics and audio; None where they have no effect."""
    is_baseline: bool = False
    shown: tuple[Statistics | None, AudioVersion | None] = (None, None)
    """Statistics and audio of the frames."""

    @property
    def shown_quality(self) -> Quality:
        """Quality of the frames."""
        return self.quality[self.shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A clip in one setup: the original, the masked input, and all completed versions."""

    setup: Setup
    clip: ClipInput
    truth: UInt8[np.ndarray, "t h w c"]
    seen: UInt8[np.ndarray, "t h w c"]
    """Hidden places are gray."""
    is_hidden: Bool[np.ndarray, "t h w"]
    models: tuple[Version, ...]
    baselines: tuple[Version, ...]
    absent: Mapping[str, str]
    """Baselines without a value, with the reason."""
    flat: Quality | None
    """Quality of `FLAT`; None without a normalized target."""

    @property
    def best_baseline(self) -> Version:
        """Baseline of the highest PSNR."""
        return max(self.baselines, key=lambda each: each.shown_quality.psnr_db)


class Comparison:
    """Autoencoders that complete the same masked clips."""

    def __init__(
        self,
        models: Sequence[Autoencoder],
        *,
        mask_ratio: float | None = None,
        seed: int = 0,
        statistics: Statistics = "hidden",
    ) -> None:
        """Store what is compared.

        Args:
            models: Autoencoders of different names.
            mask_ratio: Fraction of hidden patches; None for that of the first model's training.
            seed: Seed of the masks.
            statistics: Statistics of the frames that are shown.

        Raises:
            ConfigError: The ratio hides nothing or everything in one of the setups.
        """
        self.models, self.seed, self.statistics = tuple(models), seed, statistics
        self.mask_ratio = mask_ratio or models[0].settings.mask.ratio
        self.setups = tuple(dict.fromkeys(model.setup for model in models))
        self.masks = {setup: TubeMask(setup.grid, self.mask_ratio) for setup in self.setups}

    def panels(self, source: ClipSource, index: int) -> Iterator[Panel]:
        """Complete a clip with all models; yield a panel for each setup.

        Args:
            source: Source of the clips.
            index: Number of the clip, which also seeds its mask.
        """
        for setup in self.setups:
            choice = self.masks[setup](torch.tensor([self.seed + index]))
            mine = [model for model in self.models if model.setup == setup]
            inputs = [source.read(index, model) for model in mine]
            (clip,) = masked_clips(
                inputs[0].video[None], choice, setup.grid, setup.tubelet_size, setup.patch_size
            )
            models = tuple(
                self._complete(model, each, clip, choice)
                for model, each in zip(mine, inputs, strict=True)
            )
            baselines, absent = _baselines(clip)
            is_normalized = any(model.is_normalized for model in mine)
            yield Panel(
                setup=setup,
                clip=inputs[0],
                truth=_as_bytes(clip.completed(clip.truth)),
                seen=_as_bytes(clip.completed(torch.full_like(clip.truth, _GRAY))),
                is_hidden=clip.is_hidden.numpy(),
                models=models,
                baselines=baselines,
                absent=absent,
                flat=quality_of(clip, flat(clip)) if is_normalized else None,
            )

    def _complete(
        self, model: Autoencoder, given: ClipInput, clip: MaskedClip, choice: TokenMask
    ) -> Version:
        kinds: dict[Statistics | None, PatchStatistics | None] = {None: None}
        if model.is_normalized:
            kinds = {
                "hidden": patch_statistics(clip.truth[None]),
                "visible": visible_statistics(clip),
            }
        heard: tuple[AudioVersion | None, ...] = (None,)
        if model.hears:
            heard = tuple(version for version in AUDIO_VERSIONS if version in given.audio)
        shown = (self.statistics if model.is_normalized else None, heard[0])
        quality, frames = {}, None
        for version in heard:
            predicted = model.predict(given.batch(version or "null"), choice)
            for kind, statistics in kinds.items():
                hidden = predicted if statistics is None else statistics.restore(predicted)
                quality[kind, version] = quality_of(clip, hidden[0])
                if (kind, version) == shown:
                    frames = _as_bytes(clip.completed(hidden[0]))
        assert frames is not None
        return Version(model.name, frames, quality, shown=shown)


def difference(panel: Panel, version: Version) -> Float[np.ndarray, "t h w"]:
    """Return the absolute difference to the original, mean of the colors, 0 to 255."""
    apart = np.abs(version.frames.astype(np.float32) - panel.truth)
    return np.asarray(apart.mean(axis=-1))


def _baselines(clip: MaskedClip) -> tuple[tuple[Version, ...], dict[str, str]]:
    found, absent = [], {}
    for name, fill in FREE.items():
        try:
            hidden = fill(clip)
        except AvmeError as error:
            absent[name] = str(error)
            continue
        frames = _as_bytes(clip.completed(hidden))
        found.append(
            Version(name, frames, {(None, None): quality_of(clip, hidden)}, is_baseline=True)
        )
    return tuple(found), absent


def _as_bytes(frames: Float[Tensor, "t h w c"]) -> UInt8[np.ndarray, "t h w c"]:
    return (255.0 * frames).round().to(torch.uint8).numpy()
