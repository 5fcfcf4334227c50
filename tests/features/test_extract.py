"""Features are the mean tokens of the model, whatever the batches are."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch

from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.errors import NonFiniteError
from avme.features.extract import FeatureExtractor
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.tubelets import to_tubelets
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.distributed.process_group import Distributed

pytestmark = pytest.mark.slow

Make = Callable[..., Any]


@pytest.fixture
def model(make_pretrain_config: Make) -> MaskedAutoencoder:
    torch.manual_seed(0)
    config = make_pretrain_config()
    return MaskedAutoencoder(config.model, config.clip)


def clips_of(prepared: PreparedDataset, config: Any, segments: int = 1) -> EvalDataset:
    entries = prepared.subset("1", "train")
    reader = ClipReader(prepared, entries, mfcc_facts(prepared, "1"))
    return EvalDataset(reader, config.clip, segments, 1)


def extractor_of(clips: EvalDataset, **changes: Any) -> FeatureExtractor:
    settings: dict[str, Any] = {
        "stages": ("visual", "audio", "fused"),
        "pool": "mean",
        "slots": 2,
        "batch": 3,
        "workers": 0,
        "device": torch.device("cpu"),
        "precision": torch.float32,
        "processes": Distributed(),
    }
    return FeatureExtractor(clips, **settings | changes)


@pytest.mark.parametrize("segments", [1, 3])
def test_features_equal_mean_tokens_computed_by_hand(
    segments: int, finished: PreparedDataset, make_pretrain_config: Make, model: MaskedAutoencoder
) -> None:
    clips = clips_of(finished, make_pretrain_config(), segments)

    found = extractor_of(clips).gather(model)

    for clip in range(len(clips)):
        views = clips[clip]
        with torch.no_grad():
            tokens = model.visual(to_tubelets(views.video, 2, 4))
            audio = cast(Any, model.audio)(views.mfcc, views.audio_valid)
            fused = cast(Any, model.fusion)(tokens, audio)
        for stage, one in {"visual": tokens, "audio": audio, "fused": fused}.items():
            expected = one.mean(dim=1).mean(dim=0).numpy()
            given = found.features[cast(Any, stage)][clip]
            np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
        assert found.has_audio[clip] == bool(views.has_audio.any())
    assert found.has_audio.any()
    assert not found.has_audio.all()


def test_features_by_slot_average_to_those_of_the_clip(
    finished: PreparedDataset, make_pretrain_config: Make, model: MaskedAutoencoder
) -> None:
    clips = clips_of(finished, make_pretrain_config())

    whole = extractor_of(clips).gather(model)
    slots = extractor_of(clips, pool="slots").gather(model)

    assert slots.features["fused"].shape == (len(clips), 2, 64)
    for stage, rows in slots.features.items():
        np.testing.assert_allclose(rows.mean(axis=1), whole.features[stage], atol=1e-5)


def test_features_do_not_depend_on_batches_and_ranks(
    finished: PreparedDataset, make_pretrain_config: Make, model: MaskedAutoencoder
) -> None:
    clips = clips_of(finished, make_pretrain_config(), 2)

    whole = extractor_of(clips, batch=8).gather(model)
    parts = [
        chunk
        for rank in range(3)
        for chunk in extractor_of(clips, batch=2, processes=Distributed(rank, 3)).chunks(model)
    ]

    assert sorted(n for part in parts for n in part.clip) == list(range(len(clips)))
    for part in parts:
        np.testing.assert_allclose(
            part.features["fused"], whole.features["fused"][part.clip], atol=1e-5
        )


def test_features_leave_random_state_and_weights_unchanged(
    finished: PreparedDataset, make_pretrain_config: Make, model: MaskedAutoencoder
) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()

    extractor_of(clips_of(finished, make_pretrain_config())).gather(model)

    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_features_that_are_not_finite_name_the_clips(
    finished: PreparedDataset, make_pretrain_config: Make, model: MaskedAutoencoder
) -> None:
    torch.nn.init.constant_(model.visual.embedding.linear.bias, float("nan"))
    clips = clips_of(finished, make_pretrain_config())

    with pytest.raises(NonFiniteError, match=r"visual features are not finite \(.*g08"):
        extractor_of(clips, stages=("visual",)).gather(model)
