"""Sample inputs cover clips with, without and with part of the audio."""

import torch

from avme.config import FinetuneConfig
from avme.export.graph import INPUTS
from avme.export.sample_inputs import all_cases, sample_inputs

SETTINGS = FinetuneConfig()


def test_sample_inputs_mixed_have_full_no_and_partial_audio() -> None:
    frames, mfcc, valid = sample_inputs(INPUTS, SETTINGS, 3, "mixed")

    counts = valid.sum(dim=1)
    assert frames.shape == (3, 16, 224, 224, 3)
    assert counts[0] == 256
    assert counts[1] == 0
    assert 0 < counts[2] < 256
    assert counts[2] % 4 != 0
    assert not mfcc[~valid].any()


def test_sample_inputs_of_one_seed_are_equal() -> None:
    first, again, other = (sample_inputs(("mfcc",), SETTINGS, 2, "all", seed) for seed in (3, 3, 4))

    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def test_all_cases_have_batches_of_one_and_three_with_and_without_audio() -> None:
    titles = [title for title, _ in all_cases(INPUTS, SETTINGS)]

    assert titles == [
        "1 clip, audio all",
        "1 clip, audio none",
        "3 clips, audio all",
        "3 clips, audio none",
        "3 clips, audio mixed",
    ]


def test_all_cases_of_frames_alone_have_no_audio() -> None:
    cases = list(all_cases(("frames",), SETTINGS))

    assert [(title, len(inputs)) for title, inputs in cases] == [("1 clip", 1), ("3 clips", 1)]
