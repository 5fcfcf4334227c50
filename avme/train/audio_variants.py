"""Logits of the same frames with several audio: frames are encoded once, equal audio once.

Controls often give a clip the same audio twice: a clip without audio has none in most of them, and
a clip with audio its own with donors. Its logits are then copied.

Shape letters: b views, w distinct windows, n versions of the audio, s MFCC rows, f coefficients, l
classes.
"""

from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from avme.batch import EvalBatch
from avme.models.classifier import Classifier


def classify_each(
    model: Classifier, part: EvalBatch, device: torch.device
) -> list[Float[Tensor, "b l"]]:
    """Return the logits with each version of the audio; the first is `part.mfcc`.

    Args:
        model: Classifier in evaluation mode.
        part: Views, on the device but for the further audio.
        device: Device of the model.
    """
    video = model.encode_video(part.video)
    first, window_of = distinct_windows(part)
    mfcc = torch.cat([part.mfcc[first.to(device)].cpu()[:, None], part.other_mfcc[first]], dim=1)
    valid = torch.cat([part.audio_valid[first][:, None], part.other_valid[first]], dim=1)
    same_as = equal_audio(mfcc, valid)
    logits: list[Tensor] = []
    for version, origin in enumerate(same_as.unbind(dim=1)):
        is_new = origin == version
        found = torch.empty_like(logits[0]) if logits else None
        if is_new.any():
            place = is_new.cumsum(dim=0) - 1
            views = is_new[window_of].nonzero().squeeze(1)
            has_audio = valid[is_new, version].any(dim=1)[place[window_of[views]]].to(device)
            audio = model.encode_audio(mfcc[is_new, version].to(device), valid[is_new, version])
            if audio is not None:
                audio = audio[place[window_of[views]].to(device)]
            every = len(views) == len(window_of)
            seen = video if video is None or every else video[views.to(device)]
            fresh = model.classify(seen, audio, has_audio)
            if found is None or every:
                found = fresh
            else:
                found[views.to(device)] = fresh
        found = cast(Tensor, found)
        for earlier in torch.unique(origin[~is_new]).tolist():
            views = (origin[window_of] == earlier).nonzero().squeeze(1).to(device)
            found[views] = logits[earlier][views]
        logits.append(found)
    return logits


def equal_audio(
    mfcc: Float[Tensor, "w n s f"], valid: Bool[Tensor, "w n s"]
) -> Int64[Tensor, "w n"]:
    """Return for each version of a window's audio the first version that is equal to it.

    Args:
        mfcc: Rows, zero where not valid.
        valid: Rows with audio.
    """
    same_as = torch.arange(mfcc.shape[1]).repeat(len(mfcc), 1)
    for later in range(1, mfcc.shape[1]):
        for earlier in range(later):
            rows = (mfcc[:, earlier] == mfcc[:, later]).flatten(1).all(dim=1)
            rows &= (valid[:, earlier] == valid[:, later]).all(dim=1)
            is_first = rows & (same_as[:, later] == later)
            same_as[is_first, later] = same_as[is_first, earlier]
    return same_as


def distinct_windows(part: EvalBatch) -> tuple[Int64[Tensor, " w"], Int64[Tensor, " b"]]:
    """Return a view of each window, and the position of each view's window among them."""
    windows = torch.stack([part.clip, part.window], dim=1)
    distinct, window_of = torch.unique(windows, dim=0, return_inverse=True)
    first = torch.empty(len(distinct), dtype=torch.long)
    first[window_of] = torch.arange(len(windows))
    return first, window_of
