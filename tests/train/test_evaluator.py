"""Top-k by an independent oracle, and what counts as right when a model cannot decide."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from avme.config import FinetuneConfig
from avme.data.clip_reader import ClipReader, ShardAudio
from avme.data.eval_dataset import EvalDataset
from avme.data.temporal_sampling import Window
from avme.models.classifier import build_classifier
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.distributed.process_group import Distributed
from avme.train.evaluator import EvalScores, Evaluator


def make_scores(clips: int = 50, classes: int = 8, seed: int = 0) -> EvalScores:
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(classes), size=clips)
    label = rng.integers(0, classes, size=clips)
    return EvalScores(label, probability, np.ones(clips, dtype=np.int64), probability)


def scores_of(label: list[int], probability: np.ndarray) -> EvalScores:
    return EvalScores(np.array(label), probability, np.ones(len(label), np.int64), probability)


@pytest.mark.parametrize("k", [1, 3, 5, 8])
def test_top_k_equals_sorting(k: int) -> None:
    scores = make_scores()
    best = np.argsort(-scores.probability, axis=1)[:, :k]

    expected = np.mean([label in row for label, row in zip(scores.label, best, strict=True)])

    assert scores.top(k) == pytest.approx(expected)


def test_eval_scores_of_a_subset_count_its_clips_only() -> None:
    scores = make_scores()
    among = scores.label == 3
    right = scores.probability[among].argmax(axis=1) == 3

    assert scores.top(1, among) == pytest.approx(right.mean())
    assert math.isnan(scores.top(1, np.zeros(50, bool)))


def test_eval_scores_of_constant_output_do_not_depend_on_class_order() -> None:
    scores = scores_of([0, 1], np.full((2, 4), 0.25))

    assert scores.top(1) == 0.0
    assert scores.top(4) == 1.0


def test_cross_entropy_of_certainty_is_zero_and_of_ignorance_the_log_of_the_classes() -> None:
    assert scores_of([0, 1], np.eye(2)).cross_entropy() == pytest.approx(0.0)
    unsure = scores_of([0, 1], np.full((2, 4), 0.25))
    assert unsure.cross_entropy() == pytest.approx(math.log(4))


def test_eval_scores_of_nan_are_never_right() -> None:
    scores = scores_of([0, 1], np.full((2, 4), np.nan))

    assert scores.top(1) == 0.0
    assert scores.top(3) == 0.0


class Scaled:
    """Audio of the clip times a factor; the factor 0 is no audio."""

    def __init__(self, reader: ClipReader, factor: float) -> None:
        self.own, self.factor = ShardAudio(reader), factor

    def audio(self, index: int, window: Window) -> tuple[Tensor, Tensor]:
        mfcc, valid = self.own.audio(index, window)
        return self.factor * mfcc, valid & (self.factor != 0.0)


def test_score_each_equals_scores_of_one_audio_at_a_time(finished: PreparedDataset) -> None:
    torch.manual_seed(0)
    config = FinetuneConfig.model_validate(
        {
            "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 16},
            "model": {
                "visual": {"dim": 32, "depth": 1, "heads": 4, "patch_size": 4},
                "audio": {"widths": (8, 8, 8, 16), "blocks": (1, 1, 1, 1)},
                "fusion": {"heads": 4, "variant": "talknet"},
            },
        }
    )
    model = build_classifier(config, 2)
    torch.nn.init.normal_(model.head.weight)
    entries = finished.subset("1", "test")
    reader = ClipReader(finished, entries, mfcc_facts(finished, "1"))
    audio = [Scaled(reader, factor) for factor in (1.0, 0.0, -2.0)]

    def evaluator(sources: list[Scaled]) -> Evaluator:
        return Evaluator(
            EvalDataset(reader, config.clip, 5, 3, audio=sources),
            batch=2,
            workers=0,
            device=torch.device("cpu"),
            precision=torch.float32,
            processes=Distributed(),
        )

    encoded: list[int] = []
    assert model.visual is not None
    model.visual.register_forward_hook(lambda _module, given, _out: encoded.append(len(given[0])))
    found = evaluator(audio).score_each(model, NullReporter(), "eval")

    views = found[0].views
    assert sum(encoded) == views.sum()
    for source, scores in zip(audio, found, strict=True):
        alone = evaluator([source]).score(model, NullReporter(), "eval")
        assert scores.label.tolist() == [entry.label for entry in entries]
        assert scores.views.tolist() == views.tolist()
        np.testing.assert_allclose(scores.probability, alone.probability, rtol=1e-5)
    assert np.abs(found[0].probability - found[2].probability).max() > 1e-3
