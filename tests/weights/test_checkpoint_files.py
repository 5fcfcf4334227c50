"""Files that are broken, strange or hostile end in one line, and nothing in them is run."""

import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avme.errors import ArtifactError, AvmeError
from avme.weights.checkpoint_files import read_file
from avme.weights.load import read_weights

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Surprise:
    """Unpickling it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_read_file_never_runs_code(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"model": {}, "args": Surprise(trace)}, tmp_path / "new.pth")
    torch.save(
        {"model": {}, "args": Surprise(trace)},
        tmp_path / "old.pth",
        _use_new_zipfile_serialization=False,
    )
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Surprise(trace)))

    for name in ("new.pth", "old.pth"):
        assert "which is code and not weights" in refusal(tmp_path / name)
    assert "cannot be read as weights" in refusal(tmp_path / "plain.pth")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ([1, 2], "holds list, expected named tensors"),
        ({"model": {}}, "has no named tensors at its top, nor under `model`, `module`"),
        ({"state": {"a": torch.zeros(1)}}, "found state"),
        ({"a": torch.zeros(1)}, "holds no VideoMAE: expected names such as encoder.patch_embed"),
        ({"model": {"a": torch.ones(1)}, "module": {"a": torch.ones(1)}}, "both `model` and"),
    ],
)
def test_read_file_of_other_content_is_refused_with_what_was_found(
    content: Any, line: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "file.pth")

    assert line in refusal(tmp_path / "file.pth")


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors", "empty.pt", "gone.pth"])
def test_broken_and_missing_files_are_named(
    name: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    whole = save_as(make_theirs(), "model", tmp_path).read_bytes()
    if name != "gone.pth":
        (tmp_path / name).write_bytes(whole[: len(whole) // 2] if "broken" in name else b"")

    assert name in refusal(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_is_an_error_of_ours_or_unnoticed_but_nothing_else(
    zipped: bool, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs(), "model", tmp_path)
    torch.save(torch.load(file, weights_only=False), file, _use_new_zipfile_serialization=zipped)
    whole, draw = file.read_bytes(), random.Random(0)
    noticed = 0
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(10):
            content[draw.choice([1, -1]) * draw.randrange(4000)] = draw.randrange(256)
        file.write_bytes(content)
        try:
            read_weights(file)
        except AvmeError:
            noticed += 1

    assert noticed > 20


WRAPPED: list[tuple[str, Callable[[dict[str, Tensor]], Any], str]] = [
    ("model_ema", lambda t: {"model_ema": t, "epoch": 3}, "a.pth"),
    ("state_dict", lambda t: {"state_dict": t, "epoch": 3, "meta": {"classes": None}}, "a.ckpt"),
    ("lightning", lambda t: {"state_dict": {f"model.{n}": x for n, x in t.items()}}, "a.ckpt"),
    ("compiled", lambda t: {"model": {f"module._orig_mod.{n}": x for n, x in t.items()}}, "a.pth"),
    (
        "deepspeed",
        lambda t: {
            "module": OrderedDict((n, x.half()) for n, x in t.items()),
            "buffer_names": [],
            "optimizer": {
                "dynamic_loss_scale": True, "cur_scale": 128.0, "cur_iter": 7,
                "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(3)}}},
                "fp32_groups_flat": [torch.ones(3)],
            },
            "param_shapes": [OrderedDict((n, x.shape) for n, x in t.items())],
            "lr_scheduler": None, "sparse_tensor_module_names": set(), "skipped_steps": 0,
            "global_steps": 9, "global_samples": 9, "dp_world_size": 8, "mp_world_size": 1,
            "ds_config": {"fp16": {"enabled": True}}, "ds_version": "0.9.0", "epoch": 3,
        },
        "checkpoint-best/mp_rank_00_model_states.pt",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("how", "wrap", "name"), WRAPPED, ids=[case[0] for case in WRAPPED])
def test_read_file_unwraps_the_formats_of_trainers(
    how: str,
    wrap: Callable[..., Any],
    name: str,
    tmp_path: Path,
    make_theirs: MakeTheirs,
    parity: Any,
) -> None:
    tensors = parity.official(make_theirs("finetune").state_dict())
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    torch.save(tensors, tmp_path / "plain.pth")
    torch.save(wrap(tensors), file)

    expected, found = read_weights(tmp_path / "plain.pth"), read_weights(file)

    assert found.tensors.keys() == expected.tensors.keys()
    for key, tensor in found.tensors.items():
        torch.testing.assert_close(tensor, expected.tensors[key], rtol=1e-3, atol=1e-4)
        assert how == "deepspeed" or torch.equal(tensor, expected.tensors[key])
    if how == "deepspeed":
        assert read_weights(file.parent).tensors.keys() == expected.tensors.keys()
        (tmp_path / "latest").write_text("checkpoint-best")
        assert read_weights(tmp_path).file == file


@pytest.mark.parametrize("name", ["..", "../out", "/"])
def test_latest_leads_to_no_other_folder(name: str, tmp_path: Path) -> None:
    """Not to that above, either, where somebody else's weights may be."""
    for folder in (tmp_path, tmp_path / "out"):
        folder.mkdir(exist_ok=True)
        torch.save({"module": {}}, folder / "mp_rank_00_model_states.pt")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "latest").write_text(name)

    assert "in holds no checkpoint" in refusal(tmp_path / "in")


def test_read_file_with_weights_and_average_warns_and_leaves_the_average(
    tmp_path: Path, make_theirs: MakeTheirs, parity: Any
) -> None:
    tensors = parity.official(make_theirs("finetune").state_dict())
    average = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    torch.save({"module": tensors, "model_ema": average}, tmp_path / "a.pt")

    weights = read_weights(tmp_path / "a.pt")

    assert torch.equal(weights.tensors["head.weight"], tensors["head.weight"])
    assert "also holds `model_ema`" in weights.warnings[0]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["zero_pp_rank_0_mp_rank_00_model_states.pt"], "ZeRO stage 3.*zero_to_fp32.py"),
        (["mp_rank_00_model_states.pt", "mp_rank_01_model_states.pt"], "tensor parallelism"),
    ],
)
def test_read_file_of_sharded_deepspeed_is_refused(
    names: list[str], line: str, tmp_path: Path
) -> None:
    for name in names:
        torch.save({"module": {}}, tmp_path / name)

    with pytest.raises(ArtifactError, match=line):
        read_weights(tmp_path)
