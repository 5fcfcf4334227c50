"""Tubelets hold the right pixels in the order that is written down."""

import torch
import torch.nn.functional as F
from einops import rearrange

from avme.models.masking import Grid
from avme.models.tubelets import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    TubeletEmbedding,
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
