"""Views: the right sizes, decided by the seed alone, sound and picture treated together."""

import pytest
import torch
from torchvision.transforms import v2

from avme.config import AugmentConfig, ClipConfig, CropConfig
from avme.data.crop import crop_resize, eval_crops, jpeg_scale_factor
from avme.data.transforms import FinetuneTransform, PretrainTransform, TrainTransform, torch_seed

CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)
HEAVY = AugmentConfig(
    jitter_frames=3,
    audio_time_mask=0.5,
    audio_freq_mask=4,
    audio_noise=0.1,
    audio_dropout=0.3,
)


def make_frames(height: int = 24, width: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 3, height, width), dtype=torch.uint8, generator=generator)


def show(view: TrainTransform, frames: torch.Tensor) -> torch.Tensor:
    box = view.box(*frames.shape[-2:])
    return view.pictures(crop_resize(frames, box, view.clip.image_size))


def look(
    view: TrainTransform, seed: int
) -> tuple[object, torch.Tensor, torch.Tensor, torch.Tensor]:
    with torch_seed(seed):
        window = view.window(40)
        pictures = show(view, make_frames())
        return window, pictures, *view.audio(torch.ones(32, 13), torch.ones(32, dtype=torch.bool))


@pytest.mark.parametrize(
    "view", [PretrainTransform(CLIP, CropConfig()), FinetuneTransform(CLIP, HEAVY)]
)
def test_train_transform_is_determined_by_the_seed(view: TrainTransform) -> None:
    first, other, again = look(view, 1), look(view, 2), look(view, 1)

    assert first[0] == again[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1:], again[1:], strict=True))
    assert not torch.equal(first[1], other[1])
    assert first[1].shape == (4, 3, 16, 16)
    assert first[1].dtype == torch.uint8


def test_looking_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    look(FinetuneTransform(CLIP, HEAVY), 1)

    assert torch.equal(torch.rand(1), expected)


def test_pretrain_transform_at_full_scale_crops_the_short_side() -> None:
    view = PretrainTransform(CLIP.model_copy(update={"image_size": 24}), CropConfig(scales=(1.0,)))
    frames = make_frames()

    with torch_seed(0):
        pictures = show(view, frames)

    assert any(torch.equal(pictures, frames[..., left : left + 24]) for left in range(9))


def test_flipping_and_cropping_are_the_same_on_all_frames() -> None:
    still = make_frames()[:1].expand(4, -1, -1, -1)
    view = FinetuneTransform(CLIP, AugmentConfig())

    for seed in range(5):
        with torch_seed(seed):
            pictures = show(view, still)
        assert (pictures == pictures[:1]).all()


def test_train_transform_keeps_rows_without_audio_at_zero() -> None:
    view = FinetuneTransform(CLIP, HEAVY.model_copy(update={"audio_dropout": 0.0}))
    valid = torch.arange(32) < 20

    for seed in range(5):
        with torch_seed(seed):
            mfcc, heard = view.audio(torch.ones(32, 13) * valid[:, None], valid)
        assert torch.equal(heard, valid)
        assert not mfcc[20:].any()


def test_train_transform_marks_dropped_audio_as_invalid() -> None:
    view = FinetuneTransform(CLIP, AugmentConfig(audio_dropout=1.0))

    mfcc, valid = view.audio(torch.ones(32, 13), torch.ones(32, dtype=torch.bool))

    assert not mfcc.any()
    assert not valid.any()


def test_finetune_transform_view_equals_torchvision_on_full_frames() -> None:
    view = FinetuneTransform(CLIP, HEAVY.model_copy(update={"erase_prob": 0.5}))
    crop = v2.RandomResizedCrop(16, scale=HEAVY.crop_scale, ratio=HEAVY.crop_ratio, antialias=True)

    for seed in range(10):
        with torch_seed(seed):
            pictures = show(view, make_frames())
        torch.manual_seed(seed)
        assert torch.equal(pictures, v2.Compose([crop, *view.steps.transforms])(make_frames()))


@pytest.mark.parametrize("factor", [1, 2])
def test_shifted_square_shows_the_frame_moved_with_its_border_repeated(factor: int) -> None:
    frames = make_frames(40, 48)[:2]
    settings = AugmentConfig(shift=0.25)
    boxes = set()

    for seed in range(40):
        with torch_seed(seed):
            box = FinetuneTransform(CLIP, settings).box(factor * 40, factor * 48)
        with torch_seed(seed):
            assert (
                PretrainTransform(CLIP, CropConfig(shift=0.25)).box(factor * 40, factor * 48) == box
            )
        box = box.scaled(factor)
        boxes.add((box.top, box.left))
        padded = v2.functional.pad(frames, [10, 10], padding_mode="edge")
        expected = v2.functional.crop(padded, 10 + box.top, 10 + box.left, 40, 40)
        assert torch.equal(crop_resize(frames, box, 40), expected)

    tops, lefts = zip(*boxes, strict=True)
    assert (min(tops) < -5, max(tops) > 5, min(lefts) < 0, max(lefts) > 9) == (True,) * 4
    assert (min(tops) >= -10, max(tops) <= 10, min(lefts) >= -6, max(lefts) <= 14) == (True,) * 4


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (17, 3000), (3000, 17)])
def test_train_transform_of_any_frame_shape_gives_squares(height: int, width: int) -> None:
    frames = make_frames(height, width)[:1]

    for view in (PretrainTransform(CLIP, CropConfig()), FinetuneTransform(CLIP, AugmentConfig())):
        for seed in range(20):
            with torch_seed(seed):
                box = view.box(height, width)
            assert 0 < box.height <= height - box.top
            assert 0 < box.width <= width - box.left
            assert crop_resize(frames, box, 16).shape == (1, 3, 16, 16)
    for box in eval_crops(height, width, 3):
        shrunk = box.scaled(jpeg_scale_factor([box], 16))
        assert min(shrunk.height, shrunk.width) > 0
        assert crop_resize(frames, box, 16).shape == (1, 3, 16, 16)
