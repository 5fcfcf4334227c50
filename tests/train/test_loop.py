"""The loop: broken numbers stop it before they are saved, and micro-batches add up to the batch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.config import OptimConfig, TrainConfig
from avme.errors import AvmeError
from avme.report import Quiet
from avme.train.loop import BatchLoss, Trainer
from avme.train.processes import Processes
from avme.train.schedule import Schedule


def make_batches(count: int, clips: int) -> list[AVBatch]:
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(count, clips, 3, 2, generator=generator)
    return [
        AVBatch(
            video=torch.zeros(clips, 3, 2, 2, 2, dtype=torch.uint8),
            mfcc=part,
            audio_valid=torch.ones(clips, 3, dtype=torch.bool),
            label=torch.zeros(clips, dtype=torch.int64),
            clip=torch.arange(clips),
            seed=torch.arange(clips),
        )
        for part in parts
    ]


def make_trainer(batch: int, steps: int, **train: object) -> Trainer:
    torch.manual_seed(0)
    settings = TrainConfig.model_validate({"batch": batch, "epochs": 1, "device": "cpu", **train})
    return Trainer(
        model=nn.Linear(2, 1),
        optim=OptimConfig(),
        train=settings,
        schedule=Schedule(peak=0.1, floor=0.0, warmup_steps=0, total_steps=steps),
        depth=1,
        device=torch.device("cpu"),
        precision=torch.float32,
        processes=Processes(),
        steps_per_epoch=steps,
    )


def square(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
    out: Tensor = model(batch.mfcc)
    return BatchLoss(loss=out.square().mean())


def fit(
    trainer: Trainer,
    batches: list[AVBatch],
    micro_batches: int,
    save: Callable[[], None],
    loss: Callable[[nn.Module, AVBatch, int, bool], BatchLoss] = square,
) -> None:
    trainer.fit(
        batches,
        micro_batches,
        loss,
        title="test",
        record=None,
        save=save,
        end_epoch=None,
        report=Quiet(),
    )


def test_micro_batches_add_up_to_the_batch() -> None:
    whole, parts = make_trainer(6, 3), make_trainer(6, 3, micro_batch=2)

    fit(whole, make_batches(3, 6), 1, lambda: None)
    fit(parts, make_batches(9, 2), 3, lambda: None)

    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_loss_that_is_no_number_stops_the_run_before_a_checkpoint_is_written(
    tmp_path: Path,
) -> None:
    trainer, saved = make_trainer(2, 8, log_every=100, checkpoint_minutes=1e-9), []

    def broken(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
        good = square(model, batch, step, logged)
        return good if step < 3 else BatchLoss(loss=good.loss * float("nan"))

    with pytest.raises(AvmeError, match=r"nan at step 4.*optim\.lr"):
        fit(trainer, make_batches(8, 2), 1, lambda: saved.append(trainer.step), broken)
    assert saved == [0, 1, 2, 3]
