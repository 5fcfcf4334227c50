"""The table of a training step: transformers' model does what ours does, and everybody is timed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from avme.bench.step import StepBench, StepJob, bench_step, random_batch
from avme.bench.videomae import build_videomae, layers_of, to_float, to_mask
from avme.config import PretrainConfig
from avme.errors import UsageError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TubeMask
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
CPU = torch.device("cpu")


def run(*against: str, **changed: Any) -> StepBench:
    job = StepJob(**{"config": CONFIG, "batch": 2, "device": "cpu", **changed})
    return bench_step(job, against=against, rounds=2, steps=1, report=NullReporter())


def test_everybody_is_in_the_table_with_seconds_and_memory() -> None:
    threads = torch.get_num_threads()

    found = run("transformers", threads=1)

    names = ["transformers", "avme", "avme, half decoded", "avme with sound"]
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


def test_transformers_has_as_many_parameters_as_ours() -> None:
    none = CONFIG.model_copy(
        update={"model": CONFIG.model.model_copy(update={"fusion": {"kind": "none"}})}
    )
    config = PretrainConfig.model_validate(none.model_dump(warnings=False))

    theirs, _ = build_videomae(config, random_batch(config, 2, CPU))

    ours = MaskedAutoencoder(config.model, config.clip)
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert sum(parameter.numel() for parameter in theirs.parameters()) == count
    assert len(layers_of(theirs)) == 3


def test_transformers_hides_the_same_tokens_and_sees_the_same_pictures() -> None:
    batch = random_batch(CONFIG, 2, CPU)

    mask, floats = to_mask(CONFIG, batch), to_float(batch)

    grid = MaskedAutoencoder(CONFIG.model, CONFIG.clip).grid
    choice = TubeMask(grid, CONFIG.mask.ratio)(batch.seed)
    assert torch.equal(mask.nonzero()[:, 1], choice.hide.flatten())
    assert floats.shape == (2, 4, 3, 32, 32)
    green = batch.video[1, 1, 3, 5, 7] / 255
    torch.testing.assert_close(floats[1, 3, 1, 5, 7], (green - 0.456) / 0.224)


def test_adamw_and_bfloat16_can_belong_to_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avme.bench.step._STATUS", Path("/no/such/file"))  # as on other systems

    found = run(optimizer=True, precision="bf16")

    assert all(row.seconds > 0 for row in found.rows)
    assert [row.memory_mb for row in found.rows] == [None, None, None]


def test_a_peer_that_nobody_knows_is_refused() -> None:
    job = StepJob(config=CONFIG, batch=2, device="cpu")

    with pytest.raises(UsageError, match="no peer 'fairseq': there is transformers"):
        bench_step(job, against=["fairseq"], rounds=1, steps=1, report=NullReporter())


def test_a_transformers_that_does_not_load_is_absent_with_a_short_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: str) -> Any:
        raise RuntimeError("Failed to import transformers.models.videomae\n" + "because " * 500)

    monkeypatch.setattr("avme.bench.videomae.importlib.import_module", broken)

    found = run("transformers", threads=1)

    assert found.absent == {
        "transformers": "cannot be loaded (Failed to import transformers.models.videomae)"
    }
    assert [row.name for row in found.rows] == ["avme", "avme, half decoded", "avme with sound"]
