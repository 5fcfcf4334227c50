"""Modality that an evaluation scores: that of the classifier, or one half of an av classifier.

Shape letters: d distinct frames, t frames of a window, c colors, h and w pixels, m the model's
size, s MFCC rows, f coefficients.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from avme.data.temporal_sampling import Window
from avme.data.view_sources import AudioSource, FrameSource, SameFrames
from avme.errors import UsageError
from avme.models.classifier import Modality, Output
from avme.models.tubelets import IMAGENET_MEAN


@dataclass(frozen=True, slots=True)
class ScoredModality:
    """Inputs that a classifier gets, and the words for them in a summary."""

    modality: Modality | Literal["product"]
    trained: Modality
    audio: str
    """`real`; `null` if an av classifier gets none; `none` if it has no input for it."""
    frames: str
    """`real`; `blank` if an av classifier gets none; `none` if it has no input for them."""
    audio_sources: tuple[AudioSource, ...] = field(default=())
    """Replacement of the clip's audio."""
    frame_source: FrameSource | None = None
    """Replacement of the clip's frames."""
    output: Output = "fused"
    """Head of the classifier."""


class NullAudio:
    """No audio: no valid row, so that every audio token is the null token."""

    def __init__(self, num_cepstra: int) -> None:
        self.num_cepstra = num_cepstra

    def audio(self, index: int, window: Window) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return zeros and no valid row."""
        first, end = window.rows()
        rows = torch.zeros(end - first, self.num_cepstra)
        return rows, torch.zeros(end - first, dtype=torch.bool)


class BlankFrames(SameFrames):
    """Frames of one color, the bytes nearest to ImageNet's mean: about zero for a model."""

    def change_view(
        self, index: int, window: Window, view: UInt8[Tensor, "t c m m"]
    ) -> UInt8[Tensor, "t c m m"]:
        """Return blank frames."""
        color = torch.tensor([round(255 * mean) for mean in IMAGENET_MEAN], dtype=torch.uint8)
        return color[:, None, None].expand_as(view)


def choose_modality(
    trained: Modality,
    asked: Modality | Literal["product"] | None,
    num_cepstra: int,
    *,
    has_heads: bool = False,
) -> ScoredModality:
    """Return the inputs of a classifier for the modality that is asked for.

    Args:
        trained: Modality of the classifier.
        asked: Modality to score; None for that of the classifier.
        num_cepstra: Coefficients per MFCC row.
        has_heads: The classifier has unimodal heads.

    Raises:
        UsageError: The classifier lacks the modality.
    """
    if has_heads and asked is not None and asked != "av":
        return ScoredModality(
            asked,
            trained,
            audio="none" if asked == "v" else "real",
            frames="none" if asked == "a" else "real",
            output=asked,
        )
    if asked == "product":
        raise UsageError(
            "--modality product: the classifier has no unimodal heads: fine-tune with --set "
            "head.unimodal_weight=0.4, or multiply two classifiers by `avme compare`"
        )
    chosen = asked or trained
    if trained not in ("av", chosen):
        raise UsageError(
            f"--modality {chosen}: the classifier was trained with modality {trained} (got "
            f"{chosen}, expected {trained}): leave --modality out, or score an av classifier"
        )
    if chosen == trained:
        return ScoredModality(
            chosen,
            trained,
            audio="none" if trained == "v" else "real",
            frames="none" if trained == "a" else "real",
        )
    if chosen == "v":
        sources = (NullAudio(num_cepstra),)
        return ScoredModality(chosen, trained, "null", "real", audio_sources=sources)
    return ScoredModality(chosen, trained, "real", "blank", frame_source=BlankFrames())
