"""Sentences on free baselines."""

from collections.abc import Callable

import numpy as np

from avme.reconstruction.baseline_note import describe_baselines, describe_flat
from avme.reconstruction.baselines import flat, mean_color, nearest_patch
from avme.reconstruction.masked_clip import MaskedClip
from avme.reconstruction.quality import psnr_db

Make = Callable[..., MaskedClip]


def test_describe_baselines_has_their_mean_psnr(masked_clip: Make) -> None:
    clips = [masked_clip(seed=seed) for seed in range(3)]

    found = describe_baselines(clips)

    for name, fill in (("mean color of the visible", mean_color), ("visible patch", nearest_patch)):
        mean = np.mean([psnr_db(fill(clip), clip.truth) for clip in clips])
        assert f"{name} {mean:.1f} dB" in found


def test_describe_flat_has_the_psnr_of_the_hidden_means(masked_clip: Make) -> None:
    clip = masked_clip()

    assert describe_flat([clip]).endswith(f"{psnr_db(flat(clip), clip.truth):.1f} dB.")
