"""The table of a training step: transformers' model does what ours does, and everybody is timed."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.bench.step import StepBench, StepJob, bench_step
from avme.config import PretrainConfig
from avme.errors import UsageError
from avme.progress import NullReporter

pytestmark = pytest.mark.slow

CONFIG = PretrainConfig.model_validate(
    {
        "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 32},
        "model": {
            "visual": {"dim": 32, "depth": 2, "heads": 4, "patch_size": 8},
            "audio": {"widths": [4, 8, 8, 16], "blocks": [1, 1, 1, 1]},
            "decoder": {"dim": 16, "depth": 1, "heads": 2},
            "fusion": {"heads": 4},
        },
    }
)


@pytest.fixture(autouse=True, scope="module")
def processes() -> Iterator[None]:
    """Fork the processes that measure memory: each that is started imports torch for seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["avme.bench.step"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda _: context)
        yield


def run(*against: str, **changed: Any) -> StepBench:
    job = StepJob(**{"config": CONFIG, "batch": 2, "device": "cpu", **changed})
    return bench_step(job, against=against, rounds=2, steps=1, report=NullReporter())


def test_bench_step_against_transformers_has_seconds_and_memory_per_row() -> None:
    threads = torch.get_num_threads()

    found = run("transformers", threads=1)

    names = ["transformers", "avme", "avme, half decoded", "avme with audio"]
    assert [row.name for row in found.rows] == names
    assert (found.threads, torch.get_num_threads()) == (1, threads)
    first = found.rows[0]
    assert first.ratio == first.core_ratio == first.memory_ratio == 1
    for row in found.rows:
        assert 0 < row.fastest <= row.seconds <= row.slowest
        assert row.ratio == pytest.approx(row.seconds / first.seconds)
        assert row.clips_per_second == pytest.approx(2 / row.seconds)
        assert row.memory_mb is not None
        assert row.memory_mb > 0


def test_bench_step_with_optimizer_and_bf16_has_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avme.bench.step._STATUS", Path("/no/such/file"))  # as on other systems

    found = run(optimizer=True, precision="bf16")

    assert all(row.seconds > 0 for row in found.rows)
    assert [row.memory_mb for row in found.rows] == [None, None, None]


def test_bench_step_against_unknown_baseline_is_refused() -> None:
    job = StepJob(config=CONFIG, batch=2, device="cpu")

    with pytest.raises(UsageError, match="unknown baseline 'fairseq': expected transformers"):
        bench_step(job, against=["fairseq"], rounds=1, steps=1, report=NullReporter())


def test_bench_step_with_broken_transformers_reports_it_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: str) -> Any:
        raise RuntimeError("Failed to import transformers.models.videomae\n" + "because " * 500)

    monkeypatch.setattr("avme.bench.step._STATUS", Path("/no/such/file"))  # no memory: faster
    monkeypatch.setattr("avme.bench.videomae.importlib.import_module", broken)

    found = run("transformers", threads=1)

    assert found.absent == {
        "transformers": "cannot be loaded (Failed to import transformers.models.videomae)"
    }
    assert [row.name for row in found.rows] == ["avme", "avme, half decoded", "avme with audio"]
