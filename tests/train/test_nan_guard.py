"""Broken numbers are traced to the first bad step and to the clips that brought them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from avme.batch import AVBatch
from avme.errors import AvmeError
from avme.stages.training import lengths_of
from avme.train.distributed.process_group import Distributed
from avme.train.grad_norm import clip_gradients, gradient_norms
from avme.train.metrics.metric_meter import MetricMeter
from avme.train.nan_guard import ClipEvidence, NanGuard, find_bad_clips

NAN, INF = float("nan"), float("inf")


def batch_of(clips: list[int], broken: dict[int, float] | None = None) -> AVBatch:
    mfcc = torch.randn(len(clips), 4, 3)
    for index, value in (broken or {}).items():
        mfcc[clips.index(index), 2, 1] = value
    count = len(clips)
    return AVBatch(
        video=torch.zeros(count, 3, 2, 2, 2, dtype=torch.uint8),
        mfcc=mfcc,
        audio_valid=torch.ones(count, 4, dtype=torch.bool),
        label=torch.zeros(count, dtype=torch.int64),
        clip=torch.tensor(clips),
        seed=torch.tensor(clips) + 100,
    )


class Run:
    """A guard and a meter, fed step by step."""

    def __init__(self, folder: Path | None = None) -> None:
        self.meter = MetricMeter(2, torch.device("cpu"))
        self.guard = NanGuard(
            Distributed(),
            describe=lambda index, seed: {"clip": f"v_{index}", "window": {"start": seed}},
            folder=folder,
            settings={"optim": {"lr": 0.5}},
        )

    def step(
        self, number: int, batch: AVBatch, *, loss: float = 1.0, lengths: list[float], norm: float
    ) -> None:
        value = torch.tensor(loss)
        self.guard.note(number, batch, value, torch.tensor(lengths))
        self.guard.note_gradient(number, torch.tensor(norm))
        figures: dict[str, Tensor] = {"loss": value, "grad_norm": torch.tensor(norm)}
        self.meter.add({"lr": 0.1, "began": 0.0, "waited": 0.0, "figures": figures})

    def look(self, number: int) -> str:
        with pytest.raises(AvmeError) as caught:
            self.guard.require_finite(self.meter, number)
        line = str(caught.value)
        assert "\n" not in line
        return line


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e20])
def test_nan_guard_blames_the_clip_with_broken_mfcc_of_a_spoiled_batch(
    value: float,
) -> None:
    run = Run()
    run.step(1, batch_of([1, 2]), lengths=[3.0, 4.0], norm=1.0)
    run.step(2, batch_of([3, 4], {4: value}), loss=NAN, lengths=[NAN, NAN], norm=NAN)
    run.step(3, batch_of([5, 6]), loss=NAN, lengths=[NAN, NAN], norm=NAN)

    line = run.look(3)

    assert "the loss became nan at step 2 on rank 0: the audio of v_4 is not finite" in line
    assert "the last checkpoint is older" in line


def test_nan_guard_blames_a_clip_with_broken_prediction() -> None:
    run = Run()
    run.step(7, batch_of([3, 4, 5]), loss=INF, lengths=[1.0, INF, 1.0], norm=1.0)

    assert "became inf at step 7 on rank 0: the model output for v_4 is not finite" in run.look(9)


def test_nan_guard_finds_a_broken_gradient_of_finite_losses() -> None:
    run = Run()
    run.step(1, batch_of([1, 2]), lengths=[1.0, 1.0], norm=INF)

    line = run.look(1)

    assert "the gradient became inf at step 1" in line
    assert "none of its 2 clips alone is the cause: lower optim.lr" in line


class NoWaiting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where the host would have to wait for a device to learn a number or a size."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        assert func.overloadpacket not in (
            torch.ops.aten._local_scalar_dense,
            torch.ops.aten.nonzero,
            torch.ops.aten._to_copy,
        )
        return func(*args, **(kwargs or {}))


def test_nan_guard_never_waits_for_the_device_between_checks() -> None:
    run, model = Run(), nn.Sequential(nn.Linear(3, 2))
    batch = batch_of([1, 2])
    prediction = model(batch.mfcc)
    prediction.sum().backward()

    with NoWaiting():  # type: ignore[no-untyped-call]
        lengths = lengths_of(prediction)
        run.guard.note(1, batch, prediction.sum(), lengths)
        norms = gradient_norms(model)
        run.guard.note_gradient(1, norms["grad_norm"])
        clip_gradients(model, 1.0, norms["grad_norm"])
        run.meter.add({"lr": 0.1, "began": 0.0, "waited": 0.0, "figures": norms})

    with NoWaiting(), pytest.raises(AssertionError):  # type: ignore[no-untyped-call]
        float(norms["grad_norm"])


def test_nan_guard_forgets_checked_steps() -> None:
    run = Run()
    run.step(1, batch_of([1, 2]), lengths=[1.0, 1.0], norm=1.0)

    run.guard.require_finite(run.meter, 1)

    assert not run.guard._seen
    assert not run.guard._gradients


def test_nan_guard_writes_all_that_reproduces_the_step(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.step(2, batch_of([3, 4], {4: NAN}), loss=NAN, lengths=[NAN, NAN], norm=NAN)

    line = run.look(2)

    told = json.loads((tmp_path / "nan-step-2.json").read_text())
    assert str(tmp_path / "nan-step-2.json") in line
    assert [(clip["clip"], clip["blamed"]) for clip in told["clips"]] == [
        ("v_3", False),
        ("v_4", True),
    ]
    assert told["clips"][1]["seed"] == 104
    assert told["clips"][1]["window"] == {"start": 104}
    assert told["clips"][1]["max_abs_mfcc"] == "nan"
    assert told["settings"] == {"optim": {"lr": 0.5}}


def test_nan_guard_names_no_clip_of_other_ranks_for_one_spoiled() -> None:
    def suspect(rank: int, index: int, loudest: float) -> ClipEvidence:
        return ClipEvidence(
            rank=rank, index=index, seed=0, max_abs_mfcc=loudest, prediction=NAN, loss=NAN
        )

    guilty = find_bad_clips([suspect(0, 1, 2.0), suspect(0, 2, 3.0), suspect(1, 3, NAN)])

    assert [(one.rank, one.index) for one in guilty] == [(1, 3)]


@pytest.mark.parametrize("part", ["weight", "running_mean"])
def test_weights_and_statistics_that_are_no_numbers_are_not_saved(part: str) -> None:
    model = nn.BatchNorm1d(3)
    guard = NanGuard(Distributed())
    guard.require_finite_weights(model, 4)

    with torch.no_grad():
        getattr(model, part)[1] = INF

    with pytest.raises(AvmeError, match="not finite after step 5, and were not saved"):
        guard.require_finite_weights(model, 5)
