"""Shares of audio and frames in an accuracy: perceptual score, Shapley values, modality confusion.

All are computed from forward passes of the battery, on the clips with audio. "Absent" audio is the
null token, absent frames are `blank`; an accuracy with both absent is that of no input at all.

Shape letters: n clips.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64

from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.controls.conditions import (
    CLEAN,
    NEITHER,
    NO_AUDIO,
    NO_FRAMES,
    SHUFFLE,
    Outcomes,
)

ABSENT = {"audio": "null", "frames": "blank"}


def perceptual_scores(outcomes: Outcomes) -> dict[str, Any] | None:
    """Return the accuracy that is lost when one modality is permuted across clips.

    Perceptual score of Gat et al. 2021, and its share of the accuracy. In a forward pass with
    exchanged audio, the label of the clip with the frames gives the score of audio; the label of
    the clip with the audio gives that of frames: for it the frames are permuted. None if shuffle
    was not measured.
    """
    if not outcomes.has(CLEAN, SHUFFLE) or not outcomes.audible.any():
        return None
    owner, among = outcomes.owner[SHUFFLE], outcomes.audible
    real = outcomes.correct[CLEAN].astype(np.float64)
    other_frames = np.zeros(len(real))
    other_frames[owner] = outcomes.predicted[SHUFFLE] == outcomes.label[owner]
    means = estimate_means(
        {
            "real": real,
            "audio": outcomes.drop(SHUFFLE),
            "frames": real - other_frames,
        },
        outcomes.groups,
        among,
    )
    accuracy = means["real"].mean
    return {
        name: means[name].as_record()
        | {"share_of_accuracy": means[name].mean / accuracy if accuracy else None}
        for name in ("audio", "frames")
    }


def shapley_values(outcomes: Outcomes) -> dict[str, Any] | None:
    """Return the Shapley values of audio and frames, which sum to the gain over no input.

    With two players: `frames = ((av - a) + (v - none)) / 2`, `audio = ((av - v) + (a - none)) / 2`
    (Shapley 1953; for modalities Hu et al. 2022, "SHAPE"). `cooperation = av + none - v - a`. None
    if one of the four was not measured.
    """
    if not outcomes.has(CLEAN, NO_AUDIO, NO_FRAMES, NEITHER) or not outcomes.audible.any():
        return None
    both, frames, audio, none = (
        outcomes.correct[each].astype(np.float64) for each in (CLEAN, NO_AUDIO, NO_FRAMES, NEITHER)
    )
    means = estimate_means(
        {
            "frames": 0.5 * ((both - audio) + (frames - none)),
            "audio": 0.5 * ((both - frames) + (audio - none)),
            "cooperation": both + none - frames - audio,
            "gain": both - none,
        },
        outcomes.groups,
        outcomes.audible,
    )
    accuracies = {"av": both, "v": frames, "a": audio, "none": none}
    return {
        **{name: each.as_record() for name, each in means.items()},
        "accuracy": {
            name: float(each[outcomes.audible].mean()) for name, each in accuracies.items()
        },
        "absent": ABSENT,
    }


def modality_confusion(outcomes: Outcomes) -> dict[str, Any] | None:
    """Return the share of clips that one modality alone has right where both together are wrong.

    Modality confusion of VGGSounder (Zverev et al. 2025). `either` counts a clip once. None if a
    modality alone was not measured.
    """
    if not outcomes.has(CLEAN, NO_AUDIO, NO_FRAMES) or not outcomes.audible.any():
        return None
    wrong = ~outcomes.correct[CLEAN]
    frames, audio = outcomes.correct[NO_AUDIO], outcomes.correct[NO_FRAMES]
    shares: dict[str, Float64[np.ndarray, " n"]] = {
        "v": (wrong & frames).astype(np.float64),
        "a": (wrong & audio).astype(np.float64),
        "both": (wrong & frames & audio).astype(np.float64),
        "either": (wrong & (frames | audio)).astype(np.float64),
    }
    means: dict[str, Estimate] = estimate_means(shares, outcomes.groups, outcomes.audible)
    limited = {name: each.within(0.0).as_record() for name, each in means.items()}
    return limited | {"absent": ABSENT}
