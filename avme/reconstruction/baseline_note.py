"""Sentences on free baselines and on un-normalization, for notes below figures."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from avme.reconstruction.baselines import FREE, Baseline, flat
from avme.reconstruction.masked_clip import MaskedClip
from avme.reconstruction.quality import psnr_db

_QUICK: Final = (
    "mean color of the visible",
    "interpolated visible colors",
    "nearest visible patch",
)
"""Baselines that take milliseconds, so that training can report them."""


def describe_baselines(clips: Sequence[MaskedClip]) -> str:
    """Return the mean PSNR of the quick baselines over some clips."""
    return (
        f"Free baselines: {', '.join(f'{name} {_mean_db(FREE[name], clips)}' for name in _QUICK)}."
    )


def describe_flat(clips: Sequence[MaskedClip]) -> str:
    """Describe what the statistics of the hidden patches give away."""
    return (
        "The target was normalized: every hidden patch has its mean and deviation from the "
        "original, which improves colors and PSNR; flat patches of that mean alone have "
        f"{_mean_db(flat, clips)}."
    )


def _mean_db(fill: Baseline, clips: Sequence[MaskedClip]) -> str:
    return f"{np.mean([psnr_db(fill(clip), clip.truth) for clip in clips]):.1f} dB"
