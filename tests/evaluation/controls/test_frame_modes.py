import numpy as np
import pytest
import torch
from einops import rearrange
from torch import Tensor

from avme.corruptions.degradation import Degradation
from avme.data.temporal_sampling import Window
from avme.evaluation.controls.frame_modes import BLANK_COLOR, ChangedFrames, derangement
from avme.evaluation.controls.mode_names import FRAME_MODES, FrameMode

WINDOW = Window(4, 8, 2)
IDS = ("a", "b")


@pytest.fixture
def view() -> Tensor:
    return torch.randint(256, (8, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator())


def changed(kind: str, view: Tensor, index: int = 0, window: Window = WINDOW) -> Tensor:
    return ChangedFrames(FrameMode(kind), IDS).change_view(index, window, view)


@pytest.mark.parametrize("kind", FRAME_MODES)
def test_changed_frames_keep_shape_type_and_the_input(kind: str, view: Tensor) -> None:
    before = view.clone()

    after = changed(kind, view)

    assert after.shape == view.shape
    assert after.dtype == torch.uint8
    assert torch.equal(view, before)
    assert torch.equal(after, view) == (kind == "real")


def test_static_frames_are_the_middle_one(view: Tensor) -> None:
    assert torch.equal(changed("static", view), view[[4] * 8])


def test_reversed_frames_twice_are_the_real_ones(view: Tensor) -> None:
    assert torch.equal(changed("reverse", view)[0], view[7])
    assert torch.equal(changed("reverse", changed("reverse", view)), view)


def test_mean_frames_are_the_rounded_mean(view: Tensor) -> None:
    expected = np.rint(view.numpy().astype(np.float64).mean(axis=0))

    found = changed("mean", view).numpy()

    assert np.abs(found - expected[None]).max() <= 1  # ties round to even in both, up to float32
    assert (found == found[0]).all()


def test_blank_frames_are_equal_for_all_clips(view: Tensor) -> None:
    blank = changed("blank", view)

    assert torch.equal(blank, changed("blank", 255 - view, index=1))
    assert blank[3, :, 2, 1].tolist() == list(BLANK_COLOR) == [124, 116, 104]


def test_shuffled_frames_are_the_same_frames_none_in_its_place(view: Tensor) -> None:
    shuffled = changed("shuffle", view)

    distance = (shuffled[:, None].int() - view[None].int()).abs().flatten(2).sum(dim=2)
    source = distance.argmin(dim=1)
    assert sorted(source.tolist()) == list(range(8))
    assert (distance.min(dim=1).values == 0).all()
    assert (source != torch.arange(8)).all()


def test_shuffled_frames_depend_on_clip_window_and_seed_alone(view: Tensor) -> None:
    first, again = changed("shuffle", view), changed("shuffle", view)
    others = [
        changed("shuffle", view, index=1),
        changed("shuffle", view, window=Window(5, 8, 2)),
        ChangedFrames(FrameMode("shuffle"), IDS, seed=1).change_view(0, WINDOW, view),
    ]

    assert torch.equal(first, again)
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("count", [2, 3, 16])
def test_derangement_is_a_permutation_without_a_fixed_position(count: int) -> None:
    for seed in range(20):
        order = derangement(count, np.random.default_rng(seed))

        assert sorted(order.tolist()) == list(range(count))
        assert (order != np.arange(count)).all()


def test_derangement_of_one_position_keeps_it() -> None:
    assert derangement(1, np.random.default_rng(0)).tolist() == [0]


def test_changed_frames_leave_the_decoded_clip_as_it_is(view: Tensor) -> None:
    assert ChangedFrames(FrameMode("blank"), IDS).change_clip(0, view) is view


def test_degraded_frames_are_those_of_the_whole_clip(view: Tensor) -> None:
    jpeg = Degradation("jpeg", 5, "frames")
    source = ChangedFrames(FrameMode(), IDS, degradation=jpeg)

    found = source.change_clip(1, view)

    expected = jpeg.apply(rearrange(view, "t c h w -> t h w c").numpy(), "b")
    assert np.array_equal(rearrange(found, "t c h w -> t h w c").numpy(), expected)
    assert torch.equal(source.change_view(1, WINDOW, view), view)
