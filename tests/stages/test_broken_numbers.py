"""A clip whose sound holds no numbers stops the run, is named, and spoils no checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from avme.checkpoint.file import load_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.sampler import SampleOrder
from avme.errors import AvmeError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


def plant(folder: Path, value: float) -> tuple[ClipEntry, int]:
    """Breaks the sound of one clip; returns it and its place in the first epoch, from 1 on."""
    prepared = PreparedDataset.open(folder)
    entries = prepared.subset("1", "train")
    order = SampleOrder(num_clips=len(entries), batch=1, seed=0)
    turns = [entries[order.global_batch(step)[0].clip] for step in range(len(entries))]
    index = next(n for n, entry in enumerate(turns, 1) if n > 2 and "_c01" in entry.id)  # it sounds
    entry = turns[index - 1]
    with h5py.File(prepared.shard_path(entry), "r+") as shard:
        begin, end = shard["clip_mfcc"][entry.row : entry.row + 2]
        shard["mfcc"][begin:end] = np.where(np.arange(end - begin)[:, None] % 2, value, 0.0)
    return entry, index


def finite(run: Path) -> bool:
    names = [path for path in (run / "checkpoints").iterdir() if path.suffix == ".pt"]
    values = [v for path in names for v in load_checkpoint(path).model.values()]
    return bool(names) and all(bool(value.isfinite().all()) for value in values)


def test_nan_guard_names_the_clip_and_keeps_the_earlier_checkpoint(
    folder: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    entry, step = plant(folder, float("nan"))
    config, out = make_pretrain_config(batch_size=1, log_every=4), tmp_path / "run"

    with pytest.raises(AvmeError) as caught:
        pretrain(config, data=folder, out=out)

    line = str(caught.value)
    assert f"became nan at step {step} on rank 0: the audio of {entry.id} is" in line
    told = json.loads((out / f"nan-step-{step}.json").read_text())
    assert [clip["clip"] for clip in told["clips"] if clip["blamed"]] == [entry.id]
    assert told["clips"][0]["window"].keys() == {"start", "num_frames", "stride"}
    assert json.loads((out / "status.json").read_text())["state"] == "failed"
    assert load_checkpoint(out / "checkpoints" / "last.pt").step < step
    assert finite(out)


def test_nan_guard_of_spoiled_batch_blames_the_broken_clip_only(
    folder: Path, make_finetune_config: Callable[..., FinetuneConfig], tmp_path: Path
) -> None:
    entry, _ = plant(folder, float("inf"))
    config = make_finetune_config(val_fraction=0.0)

    with pytest.raises(AvmeError, match=rf"the audio of {entry.id} is not finite"):
        finetune(config, data=folder, out=tmp_path / "run", init=None)


def test_nan_guard_on_two_ranks_names_the_same_clip_and_rank(
    folder: Path, make_pretrain_config: MakeConfig, start: Callable[..., Any], tmp_path: Path
) -> None:
    entry, index = plant(folder, float("nan"))
    settings, out = tmp_path / "settings.yaml", tmp_path / "run"
    settings.write_text(to_yaml(make_pretrain_config(batch_size=2, log_every=5)))
    argv = ["-m", "avme_cli", "pretrain", "--preset", "tiny", "--procs", "2"]
    argv += ["--data", str(folder), "--config", str(settings), "--out", str(out)]

    made = start(argv)

    assert made.wait() == 7
    step, rank = (index + 1) // 2, (index - 1) % 2
    lines = [line for line in made.said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert f"became nan at step {step} on rank {rank}: the audio of {entry.id} is not" in lines[0]
    told = json.loads((out / f"nan-step-{step}.json").read_text())
    assert [(c["clip"], c["rank"]) for c in told["clips"] if c["blamed"]] == [(entry.id, rank)]
    assert {clip["rank"] for clip in told["clips"]} == {0, 1}
    assert finite(out)


def test_weights_that_break_are_not_saved(
    folder: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_pretrain_config(epochs=50)
    wild = config.model_copy(
        update={"optim": config.optim.model_copy(update={"lr": 1e38, "min_lr": 1e38})}
    )

    with pytest.raises(AvmeError, match=r"lower optim\.lr"):
        pretrain(wild, data=folder, out=tmp_path / "run")
    assert finite(tmp_path / "run")
