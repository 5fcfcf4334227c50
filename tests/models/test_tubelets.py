"""Tubelets hold the right pixels in the order that is written down."""

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange

from avme.config import VisualConfig
from avme.models.masking import Grid
from avme.models.tubelets import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    ConvTubeletEmbedding,
    TubeletEmbedding,
    build_embedding,
    to_pixels,
    to_tubelets,
)


def make_video() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, 3, 4, 8, 12), dtype=torch.uint8, generator=generator)


def test_to_tubelets_orders_frame_row_column_color() -> None:
    video = make_video()

    tubelets = to_tubelets(video, tubelet=2, patch=4)

    # token 1 x 6 + 1 x 3 + 2: second time slot, second row, third column of patches
    cut = video[:, :, 2:4, 4:8, 8:12].float() / 255
    expected = torch.stack([cut[:, :, t, y, x] for t in (0, 1) for y in range(4) for x in range(4)])
    assert torch.equal(tubelets[:, 11], rearrange(expected, "u b c -> b (u c)"))


def test_pixels_come_back_from_tubelets() -> None:
    video = make_video()

    back = to_pixels(to_tubelets(video, 2, 4), Grid(2, 2, 3), tubelet=2, patch=4)

    assert torch.equal((back * 255).round().to(torch.uint8), video)


def test_embedding_equals_a_strided_3d_convolution() -> None:
    video, embedding = make_video(), TubeletEmbedding(tubelet=2, patch=4, dim=5)
    kernel = rearrange(embedding.linear.weight, "d (u p q c) -> d c u p q", u=2, p=4, q=4, c=3)
    mean, deviation = (
        torch.tensor(x)[:, None, None, None] for x in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    normalized = (video.float() / 255 - mean) / deviation

    theirs = F.conv3d(normalized, kernel, embedding.linear.bias, stride=(2, 4, 4))

    ours = embedding(to_tubelets(video, 2, 4))
    torch.testing.assert_close(ours, rearrange(theirs, "b d t h w -> b (t h w) d"))


def make_conv(patch: int = 8) -> ConvTubeletEmbedding:
    torch.manual_seed(0)
    made = build_embedding(VisualConfig(dim=128, heads=2, patch_size=patch, embed="conv"))
    assert isinstance(made, ConvTubeletEmbedding)
    return made


def test_conv_embedding_equals_convolutions_of_each_tubelet_alone() -> None:
    embedding, video = make_conv().eval(), torch.randint(0, 256, (2, 3, 4, 16, 24)).byte()
    mean, deviation = (
        torch.tensor(x)[:, None, None, None] for x in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    cut = ((video.float() / 255 - mean) / deviation)[1, :, 2:4, 8:16, 16:24]
    maps = cut.transpose(0, 1).reshape(1, 6, 8, 8)  # frame, then color

    theirs = embedding.convolutions(maps).permute(0, 2, 3, 1).flatten(1)

    ours = embedding(to_tubelets(video, 2, 8))[1, 11]  # second slot, second row, third column
    torch.testing.assert_close(ours, embedding.linear(theirs)[0])


def test_conv_embedding_in_training_ignores_tubelets_that_are_not_given() -> None:
    tubelets = torch.rand(3, 6, 2 * 8 * 8 * 3)
    others = tubelets.clone()
    others[:, 4:] = torch.rand(3, 2, 2 * 8 * 8 * 3)

    assert torch.equal(make_conv()(tubelets[:, :4]), make_conv()(others[:, :4]))
    assert not torch.equal(make_conv()(tubelets)[:, :4], make_conv()(others)[:, :4])  # batch norm


@pytest.mark.parametrize(("patch", "side"), [(16, 4), (8, 2), (6, 3), (5, 5)])
def test_conv_embedding_halves_maps_while_the_patch_is_even(patch: int, side: int) -> None:
    embedding = make_conv(patch)

    assert embedding.linear.in_features == 32 * side**2
    assert embedding(torch.rand(1, 2, 2 * patch**2 * 3)).shape == (1, 2, 128)


def test_build_embedding_of_default_settings_is_linear() -> None:
    assert type(build_embedding(VisualConfig())) is TubeletEmbedding
