"""The loop: broken numbers stop it before they are saved, and micro-batches add up to the batch."""

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.config import OptimConfig, TrainConfig
from avme.data.sampler import micro_batch_sizes
from avme.errors import NonFiniteError
from avme.progress import NullReporter
from avme.train.batch_loss import BatchLoss
from avme.train.distributed.process_group import Distributed
from avme.train.schedule import Schedule
from avme.train.trainer import Trainer


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


def make_trainer(
    batch: int,
    steps: int,
    *,
    precision: torch.dtype = torch.float32,
    clip_grad: float | None = None,
    **train: object,
) -> Trainer:
    torch.manual_seed(0)
    settings = TrainConfig.model_validate(
        {"batch_size": batch, "epochs": 1, "device": "cpu", **train}
    )
    return Trainer(
        model=nn.Linear(2, 1),
        optim=OptimConfig(grad_clip_norm=clip_grad),
        train=settings,
        schedule=Schedule(peak=0.1, floor=0.0, warmup_steps=0, total_steps=steps),
        depth=1,
        device=torch.device("cpu"),
        precision=precision,
        processes=Distributed(),
        steps_per_epoch=steps,
    )


def square(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
    out: Tensor = model(batch.mfcc)
    return BatchLoss(loss=out.float().square().mean())


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
        report=NullReporter(),
    )


def test_micro_batches_add_up_to_the_batch() -> None:
    whole, parts = (
        make_trainer(6, 3, ema_decay=0.5),
        make_trainer(6, 3, micro_batch_size=2, ema_decay=0.5),
    )

    fit(whole, make_batches(3, 6), 1, lambda: None)
    fit(parts, make_batches(9, 2), 3, lambda: None)

    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert parts.average is not None
    assert whole.average is not None
    assert parts.average.updates == whole.average.updates == 3
    torch.testing.assert_close(parts.average.tensors, whole.average.tensors)


@pytest.mark.parametrize(("batch", "micro_batch_size"), [(9, 4), (9, 3), (7, 5), (11, 2)])
def test_gradients_of_uneven_micro_batches_are_those_of_the_whole_batch(
    batch: int, micro_batch_size: int
) -> None:
    (whole,) = make_batches(1, batch)
    whole = replace(whole, mfcc=whole.mfcc.double())
    parts = [
        whole.part(slice(end - size, end))
        for sizes in [micro_batch_sizes(batch, micro_batch_size)]
        for end, size in zip(accumulate(sizes), sizes, strict=True)
    ]
    trainer = make_trainer(batch, 1, micro_batch_size=micro_batch_size)
    trainer.model.double()
    weight = next(trainer.model.parameters()).detach().clone()
    bias = [*trainer.model.parameters()][1].detach().clone()
    gradients: list[Tensor] = []
    trainer.optimizer.register_step_pre_hook(
        lambda *_: gradients.extend(cast(Tensor, p.grad) for p in trainer.model.parameters())
    )

    fit(trainer, parts, len(parts), lambda: None)

    error = 2 * (whole.mfcc @ weight.T + bias)  # d mean(y^2) = mean(2 y x), in closed form
    torch.testing.assert_close(gradients[0], (error * whole.mfcc).mean(dim=(0, 1))[None])
    torch.testing.assert_close(gradients[1], error.mean(dim=(0, 1)))


def test_fit_with_nan_loss_stops_before_a_checkpoint(
    tmp_path: Path,
) -> None:
    trainer, saved = make_trainer(2, 8, log_every=100, checkpoint_minutes=1e-9), []

    def broken(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
        good = square(model, batch, step, logged)
        return good if step < 3 else BatchLoss(loss=good.loss * float("nan"))

    with pytest.raises(NonFiniteError, match=r"nan at step 4.*optim\.lr"):
        fit(trainer, make_batches(8, 2), 1, lambda: saved.append(trainer.step), broken)
    assert saved == [0, 1, 2, 3]


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_float16_steps_are_those_of_torchs_own_recipe(micro_batches: int) -> None:
    trainer = make_trainer(4, 6, precision=torch.float16, clip_grad=0.1)
    batches = make_batches(6 * micro_batches, 4 // micro_batches)
    torch.manual_seed(0)
    model, scaler = nn.Linear(2, 1), torch.amp.GradScaler("cpu")
    optimizer = torch.optim.AdamW(
        [
            {"params": [model.bias], "weight_decay": 0.0},
            {"params": [model.weight], "weight_decay": OptimConfig().weight_decay},
        ],
        betas=OptimConfig().betas,
    )

    fit(trainer, batches, micro_batches, lambda: None)
    for step in range(6):
        for group in optimizer.param_groups:
            group["lr"] = trainer.schedule.rate(step)
        for part in batches[step * micro_batches : (step + 1) * micro_batches]:
            with torch.autocast("cpu", torch.float16):
                loss = square(model, part, step, False).loss
            torch.autograd.backward(scaler.scale(loss / micro_batches))
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    for ours, theirs in zip(trainer.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_fit_with_overflowing_float16_gradients_skips_the_step() -> None:
    trainer = make_trainer(2, 6, precision=torch.float16, log_every=1)
    seen: list[tuple[Tensor, float]] = []

    def overflowing(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
        weight = next(model.parameters()).detach().clone()
        seen.append((weight, trainer.scaler.get_scale()))
        loss = square(model, batch, step, logged).loss  # its gradients fit at the first scale
        return BatchLoss(loss=loss * (1e37 if step == 2 else 1e-3))

    fit(trainer, make_batches(6, 2), 1, lambda: None, overflowing)

    unchanged = [torch.equal(a, b) for (a, _), (b, _) in pairwise(seen)]
    assert unchanged == [False, False, True, False, False]
    assert [scale for _, scale in seen] == [65536.0] * 3 + [32768.0] * 3
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())
    assert trainer.meter.last["loss_scale"] == 32768.0


def test_float16_gradients_that_overflow_at_every_scale_end_the_run() -> None:
    trainer = make_trainer(2, 60, precision=torch.float16, log_every=1)

    def endless(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
        out: Tensor = model(batch.mfcc)
        return BatchLoss(loss=(out.float() * 0.0).sqrt().mean())  # 0, with a gradient of nan

    with pytest.raises(NonFiniteError, match=r"at every loss scale by step 30 .*--precision fp32"):
        fit(trainer, make_batches(60, 2), 1, lambda: None, endless)


def test_fit_with_nan_loss_in_float16_is_not_skipped() -> None:
    trainer = make_trainer(2, 4, precision=torch.float16, log_every=1)

    def broken(model: nn.Module, batch: AVBatch, step: int, logged: bool) -> BatchLoss:
        return BatchLoss(loss=square(model, batch, step, logged).loss * float("nan"))

    with pytest.raises(NonFiniteError, match="nan at step 1"):
        fit(trainer, make_batches(4, 2), 1, lambda: None, broken)
