"""What a stranger may have put into a checkpoint is refused in a line; what a run writes is not."""

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from avme.checkpoint.file import Checkpoint, load_checkpoint, newest_checkpoint, save_checkpoint
from avme.errors import ArtifactError

Content = dict[str, Any]
FLIPS = 300
FACTS: dict[str, Any] = {
    "preset": "tiny",
    "dataset": "pets",
    "fingerprint": "f" * 64,
    "split": "1",
    "classes": ["a", "b"],
    "mfcc": {"mean": [0.5, 1.0], "deviation": [1.0, 2.0]},
    "init": None,
    "pretrained": {"dataset": "birds", "init": {"form": "official"}},
    "extended": {"warmup_epochs": 1.5, "epochs": 3, "changes": [[7, 5]]},
}


def make_checkpoint() -> Checkpoint:
    return Checkpoint(
        stage="pretrain",
        config={"mask": {"ratio": 0.9}, "scales": [1.0, 0.5]},
        facts=FACTS,
        step=7,
        model={"weight": torch.arange(4.0), "seen": torch.tensor(3)},
        optimizer={
            "state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.zeros(4)}},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.95), "fused": True, "params": [0]}],
        },
        best={"top1": 0.5},
        meter={"sums": {"loss": torch.tensor(2.0)}, "counts": {"loss": 1}},
        average={"updates": 1, "tensors": {"weight": torch.ones(4)}},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    save_checkpoint(tmp_path / "checkpoints" / "last.pt", make_checkpoint())
    return tmp_path / "checkpoints" / "last.pt"


def holding_itself() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


def nested(levels: int) -> list[Any]:
    return [] if levels == 0 else [nested(levels - 1)]


def put(key: str, value: object) -> Callable[[Content], None]:
    """A change to the value behind a dotted key."""

    def change(content: Content) -> None:
        *groups, name = key.split(".")
        index: Any = content
        for group in groups:
            index = index[int(group) if group.isdigit() else group]
        index[name] = value

    return change


def without(key: str) -> Callable[[Content], None]:
    return lambda content: content["optimizer"].pop(key)


ODD: list[tuple[Callable[[Content], None], str]] = [
    (put("stage", "audit"), "stage is 'audit'"),
    (put("step", -1), "step is -1"),
    (put("step", True), "step is True"),
    (put("step", 2**70), "step is 1180591620717411303424"),
    (put("config", 3), "config is int"),
    (put("config.odd", torch.zeros(1)), "config holds Tensor"),
    (put("config.odd", float("nan")), "config holds float"),
    (put("config.odd", holding_itself()), "config is nested more than 64 levels deep"),
    (put("config.odd", nested(80)), "config is nested more than 64 levels deep"),
    (put("facts", []), "facts is list"),
    (put("facts.preset", ["tiny"]), "preset is not text"),
    (put("facts.classes", "ab"), "classes are not a list"),
    (put("facts.classes", ["a", "a"]), "classes are not a list of different names"),
    (put("facts.mfcc.mean", [0.5]), "mfcc has 1 means and 2 deviations"),
    (put("facts.mfcc.deviation", [1.0, 0.0]), "mfcc is not a mean and deviation"),
    (put("facts.pretrained.init.classes", 5), "classes are not a list"),
    (put("facts.extended.changes", [[1]]), "extended is not a record"),
    (put("best.top1", float("inf")), r"best\.top1 is not a finite number"),
    (put("best.top1", True), r"best\.top1 is not a finite number"),
    (put("model", {}), "model holds no named tensors"),
    (put("model.weight", [1.0]), r"model\.weight is list"),
    (put("model.weight", torch.tensor([0.0, float("nan")])), r"model\.weight is not finite"),
    (put("model.weight", torch.zeros(4, dtype=torch.complex64)), "is torch.complex64"),
    (put("model.weight", torch.zeros(4).to(torch.float8_e4m3fn)), "is torch.float8_e4m3fn"),
    (put("model.weight", torch.zeros(4).to_sparse()), "is sparse or nested"),
    (put("model.weight", torch.zeros(4, device="meta")), "has no numbers"),
    (put("model.weight", torch.zeros(1).expand(2**30, 2**30)), "claims 1,152,921,504,606,846,976"),
    (put("average.tensors", 3), "average holds no named tensors"),
    (put("average.updates", -1), r"average\.updates is not a count"),
    (put("average", {"updates": 1}), "average holds"),
    (
        lambda content: content.update(average={}, config={"train": {"ema_decay": 0.9}}),
        "average is missing, which train.ema_decay needs",
    ),
    (put("scaler", {"scale": 1.0}), "scaler holds"),
    (put("optimizer.state", [1]), "optimizer holds no groups or no states"),
    (put("optimizer.state", {"0": {}}), "not a list of states by number"),
    (put("optimizer.state", {0: {"exp_avg": "x"}}), r"optimizer\.state\.0\.exp_avg is str"),
    (put("optimizer.param_groups", [3]), "param_groups is int"),
    (without("state"), "optimizer holds"),
    (put("meter.counts.loss", 0), r"meter\.loss is not a sum and count"),
    (put("meter.counts", {}), "have other names"),
    (put("meter.sums.loss", torch.zeros(2)), r"meter\.loss is not a sum and count"),
]


@pytest.mark.parametrize(("change", "said"), ODD)
def test_load_checkpoint_with_impossible_value_names_it_and_the_run_falls_back(
    path: Path, change: Callable[[Content], None], said: str
) -> None:
    save_checkpoint(path.with_name("previous.pt"), make_checkpoint())
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    warned: list[str] = []

    with pytest.raises(ArtifactError, match=said) as caught:
        load_checkpoint(path)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))
    assert newest_checkpoint(path.parent.parent, warned.append).step == 7
    assert warned == [f"warning: {caught.value}; continuing from previous.pt"]


def content_of(checkpoint: Checkpoint) -> str:
    """Everything in it, as text."""
    return json.dumps(
        [checkpoint.config, checkpoint.facts, checkpoint.step, checkpoint.best]
    ) + repr([checkpoint.model, checkpoint.optimizer, checkpoint.meter, checkpoint.average])


@pytest.mark.slow
def test_load_checkpoint_with_flipped_bit_falls_back_or_changes_nothing(path: Path) -> None:
    expected = content_of(load_checkpoint(path))
    whole, draw = path.read_bytes(), random.Random(0)
    with zipfile.ZipFile(path) as file:
        starts = [entry.header_offset for entry in file.infolist() if "/data/" in entry.filename]
    tensors = [index for start in starts for index in range(start, start + 200)]
    refused = 0

    for index in [*draw.choices(tensors, k=FLIPS // 2), *draw.choices(range(len(whole)), k=FLIPS)]:
        flipped = bytearray(whole)
        flipped[index] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            found = load_checkpoint(path)
        except ArtifactError:
            refused += 1
            continue
        assert content_of(found) == expected

    assert refused > FLIPS / 3


def test_compressed_entries_and_entries_on_each_other_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        entries = {entry.filename: file.read(entry) for entry in file.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)

    with pytest.raises(ArtifactError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)
