"""Inputs of one modality for an av classifier."""

from typing import Literal

import pytest
import torch

from avme.data.temporal_sampling import Window
from avme.errors import UsageError
from avme.evaluation.modality import BlankFrames, NullAudio, choose_modality
from avme.models.classifier import Modality
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN


def test_null_audio_has_rows_of_the_window_and_none_valid() -> None:
    mfcc, valid = NullAudio(13).audio(3, Window(start=5, num_frames=4, stride=2))

    assert mfcc.shape == (32, 13)
    assert valid.shape == (32,)
    assert not mfcc.any()
    assert not valid.any()


def test_blank_frames_are_about_zero_for_a_model() -> None:
    view = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)

    blank = BlankFrames().change_view(0, Window(0, 4, 2), view)

    mean, deviation = (
        torch.tensor(three)[:, None, None] for three in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    assert blank.shape == view.shape
    assert blank.dtype == torch.uint8
    # half a step of 255 levels, in deviations
    assert ((blank / 255 - mean) / deviation).abs().max() < 0.5 / 255 / min(IMAGENET_DEVIATION)


@pytest.mark.parametrize(
    ("trained", "asked", "expected"),
    [
        ("av", None, ("av", "real", "real")),
        ("av", "av", ("av", "real", "real")),
        ("av", "v", ("v", "null", "real")),
        ("av", "a", ("a", "real", "blank")),
        ("v", None, ("v", "none", "real")),
        ("v", "v", ("v", "none", "real")),
        ("a", "a", ("a", "real", "none")),
    ],
)
def test_choose_modality_states_both_inputs(
    trained: Modality, asked: Modality | None, expected: tuple[str, str, str]
) -> None:
    found = choose_modality(trained, asked, 13)

    assert (found.modality, found.audio, found.frames) == expected
    assert bool(found.audio_sources) == (found.audio == "null")
    assert (found.frame_source is not None) == (found.frames == "blank")


@pytest.mark.parametrize(("trained", "asked"), [("v", "a"), ("v", "av"), ("a", "v")])
def test_choose_modality_that_the_classifier_lacks_is_refused(
    trained: Modality, asked: Modality
) -> None:
    with pytest.raises(UsageError, match=f"--modality {asked}: the classifier .* {trained} "):
        choose_modality(trained, asked, 13)


@pytest.mark.parametrize(
    ("asked", "audio", "frames", "output"),
    [
        ("av", "real", "real", "fused"),
        ("v", "none", "real", "v"),
        ("a", "real", "none", "a"),
        ("product", "real", "real", "product"),
    ],
)
def test_choose_modality_of_unimodal_heads_takes_the_head(
    asked: Literal["av", "v", "a", "product"], audio: str, frames: str, output: str
) -> None:
    found = choose_modality("av", asked, 13, has_heads=True)

    assert (found.audio, found.frames, found.output) == (audio, frames, output)
    assert (found.audio_sources, found.frame_source) == ((), None)


def test_choose_modality_product_without_heads_is_refused() -> None:
    with pytest.raises(UsageError, match="no unimodal heads: fine-tune with"):
        choose_modality("av", "product", 13)
