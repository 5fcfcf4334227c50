"""Several audio of the same frames give the logits of each alone, from fewer encodings."""

from typing import Any

import pytest
import torch
from torch import Tensor

from avme.batch import EvalBatch
from avme.config import FinetuneConfig
from avme.models.classifier import Classifier, build_classifier
from avme.train.audio_variants import classify_each, distinct_windows, equal_audio

CLIP = torch.tensor([5, 5, 5, 5, 2, 2])
WINDOW = torch.tensor([0, 0, 1, 1, 0, 0])
"""Two windows of clip 5 and one of clip 2, each in two crops."""
CPU = torch.device("cpu")


def build(modality: str, **head: Any) -> Classifier:
    torch.manual_seed(0)
    config = FinetuneConfig.model_validate(
        {
            "modality": modality,
            "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 16},
            "model": {
                "visual": {"dim": 32, "depth": 1, "heads": 4, "patch_size": 8},
                "audio": {"widths": (8, 8, 8, 16), "blocks": (1, 1, 1, 1)},
                "fusion": {"heads": 4},
            },
            "head": {"init_scale": 1.0} | head,
        }
    )
    return build_classifier(config, 3).eval()


@pytest.fixture
def part() -> EvalBatch:
    """Six views with five audio: own, equal to own in one window, none, none again, another."""
    draw = torch.Generator().manual_seed(0)
    video = torch.randint(256, (6, 3, 4, 16, 16), dtype=torch.uint8, generator=draw)
    windows = torch.randn(3, 5, 32, 13, generator=draw)
    valid = torch.ones(3, 5, 32, dtype=torch.bool)
    windows[1, 1] = windows[1, 0]
    valid[:, 2:4] = False
    windows[:, 2:4] = 0.0
    valid[2, 4, 20:] = False
    windows[2, 4, 20:] = 0.0
    of = torch.tensor([0, 0, 1, 1, 2, 2])
    return EvalBatch(
        video=video,
        mfcc=windows[of, 0],
        audio_valid=valid[of, 0],
        label=torch.zeros(6, dtype=torch.long),
        clip=CLIP,
        seed=torch.zeros(6, dtype=torch.long),
        window=WINDOW,
        is_center=torch.zeros(6, dtype=torch.bool),
        other_mfcc=windows[of, 1:],
        other_valid=valid[of, 1:],
    )


def every_audio(part: EvalBatch) -> list[tuple[Tensor, Tensor]]:
    others = range(part.other_mfcc.shape[1])
    return [
        (part.mfcc, part.audio_valid),
        *((part.other_mfcc[:, n], part.other_valid[:, n]) for n in others),
    ]


@pytest.mark.parametrize(
    ("modality", "head"),
    [("av", {}), ("v", {}), ("a", {}), ("av", {"unimodal_weight": 1.0, "residual": True})],
)
@torch.inference_mode()
def test_classify_each_equals_a_forward_pass_with_each_audio(
    part: EvalBatch, modality: str, head: dict[str, Any]
) -> None:
    model = build(modality, **head)

    found = classify_each(model, part, CPU)

    assert len(found) == 5
    for logits, (mfcc, valid) in zip(found, every_audio(part), strict=True):
        torch.testing.assert_close(logits, model(part.video, mfcc, valid))
    if modality != "v":
        assert not torch.allclose(found[0], found[2])


@torch.inference_mode()
def test_classify_each_of_equal_audio_gives_the_same_bits(part: EvalBatch) -> None:
    found = classify_each(build("av"), part, CPU)

    assert torch.equal(found[2], found[3])
    assert torch.equal(found[0][2:4], found[1][2:4])
    assert not torch.equal(found[0][:2], found[1][:2])


@torch.inference_mode()
def test_classify_each_encodes_frames_once_and_equal_audio_once(
    part: EvalBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, encoded = build("av"), dict[str, list[int]](video=[], audio=[], classify=[])
    for name, method in (("video", "encode_video"), ("audio", "encode_audio")):
        monkeypatch.setattr(model, method, _counting(getattr(model, method), encoded[name]))
    monkeypatch.setattr(model, "classify", _counting(model.classify, encoded["classify"]))

    classify_each(model, part, CPU)

    assert encoded["video"] == [6]
    assert encoded["audio"] == [3, 2, 3, 3]  # windows
    assert encoded["classify"] == [6, 4, 6, 6]  # views


def _counting(function: Any, sizes: list[int]) -> Any:
    def counted(first: Tensor, *others: Any) -> Any:
        sizes.append(len(first))
        return function(first, *others)

    return counted


def test_equal_audio_compares_rows_and_their_validity() -> None:
    mfcc, valid = torch.zeros(2, 4, 3, 2), torch.zeros(2, 4, 3, dtype=torch.bool)
    valid[0, 1] = True  # zeros that are valid are audio
    mfcc[1, 2, 0, 0] = 1.0
    mfcc[1, 3, 0, 0] = 1.0

    assert equal_audio(mfcc, valid).tolist() == [[0, 1, 0, 0], [0, 0, 2, 2]]


def test_distinct_windows_finds_a_view_of_each_window(part: EvalBatch) -> None:
    first, window_of = distinct_windows(part)

    assert len(first) == 3
    for view in range(6):
        same = first[window_of[view]]
        assert (CLIP[same], WINDOW[same]) == (CLIP[view], WINDOW[view])
