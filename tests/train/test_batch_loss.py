"""Loss of a micro-batch: sums over a step weight every clip alike."""

import torch

from avme.train.batch_loss import BatchLoss


def test_add_to_of_uneven_micro_batches_gives_the_mean_over_clips() -> None:
    errors = torch.rand(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    totals: dict[str, torch.Tensor] = {}

    for part in torch.split(errors, 3):
        made = BatchLoss(loss=part.mean(), figures={"square": part.square().mean()})
        made.add_to(totals, len(part) / 7)

    assert totals.keys() == {"loss", "square"}
    torch.testing.assert_close(totals["loss"], errors.mean())
    torch.testing.assert_close(totals["square"], errors.square().mean())


def test_add_to_of_a_loss_with_gradient_keeps_no_graph() -> None:
    weight = torch.ones((), requires_grad=True)
    totals: dict[str, torch.Tensor] = {}

    BatchLoss(loss=2 * weight).add_to(totals, 0.5)

    assert not totals["loss"].requires_grad
    assert totals["loss"].item() == 1.0
