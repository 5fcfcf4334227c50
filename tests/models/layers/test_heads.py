"""Heads of a classifier."""

import torch

from avme.models.layers.heads import PooledHead, product_of


def test_product_of_is_the_product_of_probabilities_where_audio_exists() -> None:
    torch.manual_seed(0)
    video, audio = torch.randn(2, 3, 5)

    found = product_of(video, audio, torch.tensor([True, False, True])).softmax(dim=1)

    both = video.softmax(dim=1) * audio.softmax(dim=1)
    both[1] = video[1].softmax(dim=0)
    torch.testing.assert_close(found, both / both.sum(dim=1, keepdim=True))
    everywhere = product_of(video, audio, torch.ones(3, dtype=torch.bool))
    assert torch.equal(product_of(video, audio), everywhere)


def test_pooled_head_under_autocast_computes_in_float32() -> None:
    torch.manual_seed(0)
    head, pooled = PooledHead(8, 5, 0.0, "layer"), torch.randn(3, 8)

    with torch.autocast("cpu", torch.bfloat16):
        logits = head(pooled)

    normed = (pooled - pooled.mean(dim=1, keepdim=True)) / pooled.std(
        dim=1, correction=0, keepdim=True
    )
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, normed @ head.head.weight.T, rtol=1e-4, atol=1e-6)
