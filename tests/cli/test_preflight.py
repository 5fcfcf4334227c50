"""What can be told without torch is told without it, in little memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.errors import UsageError
from avme.io.lock import holding
from avme.io.run_status import RUN_LOCK
from avme.system.gpu import may_have_cuda
from avme_cli.preflight import require_modes, require_run_folder, require_split

pytestmark = pytest.mark.slow

_HEAVY = {
    *("torch", "torchvision", "torchaudio", "h5py", "matplotlib", "av", "scipy", "numpy"),
    *("ffmpeg", "imageio_ffmpeg", "PIL", "simplejpeg", "safetensors", "tensorboard"),
    *("transformers", "distributed", "sympy", "einops"),
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A set with one split, a finished run without its checkpoints, and one that was stopped."""
    pets = tmp_path / "data" / "pets"
    pets.mkdir(parents=True)
    (pets / "dataset.json").write_text(
        json.dumps({"schema": 4, "name": "pets", "splits": {"1": {}}, "fingerprint": "f"})
    )
    run = tmp_path / "runs" / "old"
    run.mkdir(parents=True)
    (run / "status.json").write_text(json.dumps({"stage": "pretrain", "state": "finished"}))
    (tmp_path / "runs" / "cut").mkdir()
    (tmp_path / "runs/cut/status.json").write_text(
        json.dumps({"stage": "finetune", "state": "stopped"})
    )
    (tmp_path / "some.pth").write_text("nothing that is read here")
    for folder, file in (("graph", "model.onnx"), ("weights", "weights.safetensors")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "export.json").touch()
        (tmp_path / folder / file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ("pretrain --split 9", 2, "pets has no split '9': it has 1"),
        ("pretrain --set clip.split=9", 2, "pets has no split '9': it has 1"),
        ("finetune --split 9 --from runs/old", 2, "pets has no split '9': it has 1"),
        ("eval some.pth --data pets --split 9", 2, "pets has no split '9': it has 1"),
        ("pretrain --data cats", 2, "--data cats: no such folder"),
        ("pretrain --device tpu", 2, "Invalid value for '--device'"),
        ("pretrain --device cuda:9", 2, "Invalid value for '--device'"),
        ("pretrain --out runs/old", 2, "runs/old is not empty: --resume continues it"),
        ("pretrain --out runs/none --resume", 5, "runs/none holds no run to resume"),
        ("pretrain --init none.pth", 5, "none.pth does not exist"),
        ("finetune --from runs/none", 2, "runs/none does not exist"),
        ("finetune --from runs/old", 5, "runs/old holds no checkpoint"),
        ("finetune --from weights", 5, "weights holds exported weights"),
        ("finetune --from graph", 5, "graph holds a graph for ONNX Runtime"),
        ("finetune --init graph", 5, "graph holds a graph for ONNX Runtime"),
        ("finetune --from runs/old --set lerning=1", 2, "unknown setting lerning"),
        ("finetune --init some.pth --classes none.txt", 5, "none.txt cannot be read"),
        ("eval none.pt", 2, "none.pt does not exist"),
        ("eval runs/old", 5, "runs/old holds no checkpoint: expected runs/old/checkpoints/best.pt"),
        ("eval runs/cut", 5, "runs/cut is stopped, expected a finished run"),
        ("eval --init runs/old", 5, "runs/old holds no checkpoint"),
        ("eval --init some.pth --classes none.txt", 5, "none.txt cannot be read"),
        ("weights inspect none.pth", 5, "none.pth does not exist"),
        ("weights inspect runs", 5, "runs holds no checkpoint"),
        ("weights convert some.pth runs --to avme", 2, "runs exists already"),
        ("weights convert some.pth new --to avme", 2, "writes a name that ends in .safetensors"),
        ("bench loader cats", 2, "DATA cats: no such folder"),
        ("config validate pretrain none.yaml", 2, "none.yaml does not exist"),
        ("config show paper --data cats", 2, "--data cats: no such folder"),
        ("config show paper --stage finetune --set lerning=1", 2, "unknown setting lerning"),
        ("audit cats", 2, "DATA cats: no such folder"),
        ("prep folder none", 2, "none does not exist"),
        ("prep csv none.csv", 2, "none.csv does not exist"),
        ("verify cats", 2, "DATA cats: no such folder"),
    ],
)
def test_wrong_argument_is_refused_without_heavy_imports(
    args: str, code: int, said: str, work: Path, run_alone: Callable[..., Any]
) -> None:
    done = run_alone(*args.split(), cwd=work)

    assert (done.code, done.modules & _HEAVY) == (code, set())
    assert said in done.stderr
    assert done.megabytes < 150


@pytest.mark.skipif(may_have_cuda(), reason="this machine may have a GPU")
def test_missing_device_is_refused_without_torch(work: Path, run_alone: Callable[..., Any]) -> None:
    for args in (["pretrain", "--device", "cuda"], ["finetune", "--set", "train.device=cuda"]):
        done = run_alone(*args, cwd=work)
        assert (done.code, done.modules & _HEAVY) == (6, set())
        assert done.stderr.startswith(
            "error: device cuda: torch sees no CUDA device on this machine"
        )

    done = run_alone("pretrain", "--gpus", "2", cwd=work)

    assert (done.code, done.modules & _HEAVY) == (6, set())
    assert done.stderr.startswith("error: --gpus 2 asks for more GPUs than this machine has (0)")


@pytest.mark.parametrize(
    "args", ["--help", "config list", "config show pretrain", "pretrain --help"]
)
def test_light_commands_have_no_heavy_imports(
    args: str, work: Path, run_alone: Callable[..., Any]
) -> None:
    done = run_alone(*args.split(), cwd=work)

    assert (done.code, done.modules & _HEAVY) == (0, set())


def test_derived_settings_are_printed_without_media_and_figures() -> None:
    """torch's counter of operations needs torch._dynamo and sympy."""
    code = "import json, sys, avme.bench.run_estimate; "
    code += f"print(json.dumps([name for name in {_HEAVY} if name in sys.modules]))"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert set(json.loads(done.stdout)) <= {"torch", "numpy", "einops"}


@pytest.mark.parametrize(
    ("needed", "unwanted"),
    [
        (
            "avme.weights.inspect_file, avme.weights.load, avme.weights.export",
            ("torchvision", "h5py", "av"),
        ),
        ("avme.stages.evaluate, avme.stages.pretrain", ("torchvision", "torch._dynamo")),
    ],
)
def test_weights_are_read_and_scored_without_torchvision(
    needed: str, unwanted: tuple[str, ...]
) -> None:
    code = f"import sys, {needed}; sys.exit(any(name in sys.modules for name in {unwanted}))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_preflight_writes_nothing(work: Path) -> None:
    folder = work / "runs" / "old"
    before = sorted(folder.rglob("*"))

    require_run_folder(folder, resume=False, overwrite=True)
    require_run_folder(folder, resume=True, overwrite=False)
    require_run_folder(work / "runs" / "new", resume=False, overwrite=False)

    assert sorted(folder.rglob("*")) == before
    assert not (work / "runs" / "new").exists()


def test_require_run_folder_leaves_running_runs_and_ranks_to_the_stage(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = work / "runs" / "old"
    with holding(folder, RUN_LOCK):
        require_run_folder(folder, resume=False, overwrite=False)
    with pytest.raises(UsageError, match="is not empty"):
        require_run_folder(folder, resume=False, overwrite=False)
    monkeypatch.setenv("RANK", "1")
    require_run_folder(folder, resume=False, overwrite=False)


def test_require_split_of_unknown_split_names_the_known_ones(work: Path) -> None:
    require_split(work / "data" / "pets", None)
    require_split(work / "data" / "pets", "1")
    with pytest.raises(UsageError, match="pets has no split '01': it has 1"):
        require_split(work / "data" / "pets", "01")


@pytest.mark.parametrize(
    ("audio", "frames", "degrade", "part"),
    [
        ("shufle", "real", (), "audio: unknown mode .*did you mean shuffle"),
        ("real", "still", (), "frames: unknown mode"),
        ("real", "real", ("jpg=2",), "did you mean jpeg"),
    ],
)
def test_require_modes_refuses_what_is_unknown(
    audio: str, frames: str, degrade: tuple[str, ...], part: str
) -> None:
    with pytest.raises(UsageError, match=part):
        require_modes(audio, frames, degrade)
    require_modes("offset=1", "static", ("jpeg=2",))
