"""A few steps on made-up clips, and the arithmetic from seconds to hours."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import nn

from avme.bench import throughput
from avme.bench.run_estimate import Training, derive
from avme.bench.throughput import Throughput, measure_throughput
from avme.config import FinetuneConfig, PretrainConfig
from avme.models.layers.sync_batchnorm import GlobalBatchNorm


@pytest.fixture
def measured() -> Throughput:
    return Throughput(
        device="CPU, 1 threads",
        precision="float32",
        batch=2,
        clip_seconds=0.5,
        update_seconds=8.0,
        share=1.0,
        max_clips_per_second=8.0,
    )


def test_hours_are_steps_of_whole_batches_and_one_update_each(
    measured: Throughput, make_pretrain_config: Callable[..., PretrainConfig]
) -> None:
    settings = make_pretrain_config(batch_size=4)

    assert measured.hours(settings, 720) == pytest.approx(720 * (4 * 0.5 + 8.0) / 3600)


def test_operations_a_second_are_those_of_a_clip_by_its_seconds(
    measured: Throughput, make_pretrain_config: Callable[..., PretrainConfig]
) -> None:
    derived = derive(make_pretrain_config(), 2)

    assert measured.teraflops(derived) == pytest.approx(2 * derived.flops.step / 1e12)


def test_mfu_is_the_share_of_the_clips_that_the_peak_would_allow(measured: Throughput) -> None:
    assert measured.mfu == 0.25
    assert replace(measured, max_clips_per_second=None).mfu is None


@pytest.mark.slow
def test_measure_throughput_sets_up_the_model_as_for_a_run(
    make_pretrain_config: Callable[..., PretrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[nn.Module] = []
    monkeypatch.setattr(throughput, "set_up", lambda model, *_: seen.append(model))
    settings = make_pretrain_config(batch_norm="frozen")

    measure_throughput(settings, derive(settings, 2), 2, steps=1)

    norms = [part for part in seen[0].modules() if isinstance(part, GlobalBatchNorm)]
    assert norms
    assert all(norm.is_frozen for norm in norms)


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
@pytest.mark.slow
def test_throughput_of_both_stages_is_measured(
    stage: str,
    make_pretrain_config: Callable[..., PretrainConfig],
    make_finetune_config: Callable[..., FinetuneConfig],
) -> None:
    settings: Training = make_pretrain_config()
    if stage == "finetune":
        settings = make_finetune_config(head={"norm": "batch"})

    found = measure_throughput(settings, derive(settings, 2), 2, steps=1)

    assert found.device.startswith("CPU, ")
    assert (found.precision, found.batch) == ("float32", 4)
    assert found.clip_seconds > 0.0
    assert found.update_seconds > 0.0
    assert 0.0 < found.share <= 1.0


@pytest.mark.slow
def test_clips_at_a_time_of_large_network_are_few(
    make_pretrain_config: Callable[..., PretrainConfig],
) -> None:
    settings = make_pretrain_config(batch_size=64, micro_batch_size=3)

    assert measure_throughput(settings, derive(settings, 2), 2, steps=1).batch == 3
