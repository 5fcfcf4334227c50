"""`avme weights` and `--init`: what people type, what they are told."""

import json
import shlex
import shutil
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification
from typer.testing import CliRunner

from avme.checkpoint.file import Checkpoint, load_checkpoint, save_checkpoint
from avme.config import ModelConfig, PretrainConfig
from avme.config.resolve import read_settings
from avme.models.autoencoder import MaskedAutoencoder
from avme_cli.app import app

pytestmark = pytest.mark.slow

MODEL = {
    "visual": {"dim": 32, "depth": 2, "heads": 4, "patch_size": 8},
    "fusion": {"kind": "none", "heads": 4},
    "decoder": {"dim": 16, "depth": 1, "heads": 2},
}
LIGHT = (
    "--epochs 1 --batch 2 --workers 0 --device cpu --precision fp32 --set train.log_every=1 "
    "--set model.fusion.heads=4 --set model.audio.widths=[4,8,8,16] "
    "--set model.audio.blocks=[1,1,1,1]"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, shlex.split(line), prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def ours() -> Path:
    """Weights of two slots of 4 x 4 places."""
    torch.manual_seed(2)
    config = PretrainConfig.model_validate(
        {"model": MODEL, "clip": {"num_frames": 4, "image_size": 32}, "mask": {"ratio": 0.75}}
    )
    model = MaskedAutoencoder(ModelConfig.model_validate(MODEL), config.clip)
    settings = config.model_dump(mode="json")
    save_checkpoint(
        Path("ours.pt"),
        Checkpoint(stage="pretrain", config=settings, facts={}, step=9, model=model.state_dict()),
    )
    return Path("ours.pt")


@pytest.fixture(scope="module")
def made(make_video: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips of two classes, prepared."""
    root = tmp_path_factory.mktemp("made")
    names = [f"{c}/v_{c}_g{g:02d}_c01.avi" for c in ("Archery", "Bowling") for g in (1, 9)]
    first = make_video(root / "videos" / names[0], frames=10)
    for name in names[1:]:
        (root / "videos" / name).parent.mkdir(exist_ok=True)
        shutil.copy(first, root / "videos" / name)
    with chdir(root):
        code, _, err = run("prep ucf101 videos --name pair --workers 1")
    assert code == 0, err
    return root / "data" / "pair"


@pytest.fixture
def prepared(made: Path) -> Path:
    """A copy of the set, the only one here."""
    return Path(shutil.copytree(made, "data/pair"))


def test_there_and_back_on_the_command_line(ours: Path) -> None:
    code, out, err = run("weights convert ours.pt there --to huggingface")
    assert (code, out) == (0, "there\n"), err
    assert "mapped 49 tensors: visual 30, decoder 19" in err
    assert json.loads(Path("there/config.json").read_text())["model_type"] == "videomae"
    assert run("weights convert there back.pth --to official")[0] == 0
    assert run("weights convert back.pth again.safetensors --to avme")[0] == 0

    code, out, err = run("weights inspect again.safetensors")

    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["form"] == "avme, safetensors"
    assert lines["visual"] == (
        "dim 32, depth 2, heads 4, mlp_ratio 4.0, patch_size 8, tubelet_size 2, embed linear, "
        "positions flat"
    )
    assert lines["positions"] == "sine-cosine over 2 x 4 x 4 places"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("weights inspect gone.pth", 5, "error: gone.pth does not exist: expected a file or"),
        ("weights convert ours.pt ours.pt --to official", 2, "error: ours.pt exists already"),
        ("weights convert ours.pt x --to onnx", 2, "error: Invalid value for '--to'"),
        ("pretrain --init gone.pth", 5, "error: gone.pth does not exist"),
        ("finetune --init ours.pt --from ours.pt", 2, "error: --from and --init exclude each"),
        ("finetune --classes a.txt", 2, "error: --classes names the rows of the head that --init"),
        ("eval", 2, "error: give a finetune run, or published weights with --init"),
        ("eval ours.pt --init ours.pt", 2, "error: give a finetune run, or published weights"),
        ("eval ours.pt", 4, "error: ours.pt is a pretrain checkpoint and has no classifier"),
        ("finetune --from ours.pt", 5, "error: ours.pt does not name the run that it is from: giv"),
        (
            "pretrain --init ours.pt --preset base",
            4,
            "error: the settings contradict ours.pt: model.visual.dim is 32 there, 768 here",
        ),
    ],
)
def test_refusals_are_one_line(line: str, code: int, told: str, ours: Path, prepared: Path) -> None:
    found, out, err = run(line)

    assert (found, out) == (code, "")
    assert err.startswith(told)
    assert err.count("\n") == 1


def probabilities(folder: Path) -> np.ndarray:
    with np.load(folder / "predictions.npz") as predictions:
        found: np.ndarray = predictions["probability"]
    return found


def test_eval_takes_a_published_classifier(prepared: Path) -> None:
    names = ["Bowling", "Cricket", "Archery"]
    sizes = {"image_size": 32, "patch_size": 8, "num_frames": 4, "hidden_size": 32}
    towers = {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    torch.manual_seed(3)
    theirs = VideoMAEForVideoClassification(
        VideoMAEConfig(**sizes, **towers, id2label=dict(enumerate(names)))
    )
    with torch.no_grad():
        theirs.classifier.bias.copy_(torch.tensor([0.0, 1.0, 9.0]))
    theirs.save_pretrained("hf", max_shard_size="30KB")
    Path("blobs").mkdir()
    for file in list(Path("hf").iterdir()):  # as in Hugging Face's cache
        file.rename(f"blobs/{file.name}")
        file.symlink_to(f"../blobs/{file.name}")
    Path("names").mkdir()
    Path("names/classInd.txt").write_text("1 Bowling\n2 Cricket\n3 Archery\n")
    rest = "--topk 1 2 --segments 1 --crops 1 --workers 0 --device cpu"

    code, out, err = run(f"eval --init hf {rest}")
    assert code == 0, err
    assert "1 of the classifier's 3 classes are not in the set (Cricket)" in err
    folder = Path("runs/eval-hf/pair-split1-test-model-1x1")
    assert out.endswith(f"{folder}\n")
    found = probabilities(folder)
    assert found.shape[1] == 3
    assert (found[:, 0] > 0.95).all(), "the row of Archery, whose bias is 9, is not its own"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["classes"] == 3
    assert summary["trained_on_split"] is None

    run("weights convert hf named.pth --to official")
    content = torch.load("named.pth")
    del content["avme"]["id2label"]
    torch.save(content, "nameless.pth")
    code, out, err = run(f"eval --init nameless.pth {rest}")
    assert (code, out) == (4, "")
    assert "does not name its 3 classes: give them with --classes FILE" in err
    code, out, err = run(
        f"eval --init nameless.pth --classes names/classInd.txt {rest} --out again"
    )
    assert code == 0, err
    np.testing.assert_allclose(probabilities(Path("again")), found, atol=1e-6)


def test_eval_takes_heads_and_stride_that_a_file_does_not_name(prepared: Path) -> None:
    sizes = {"image_size": 224, "patch_size": 56, "num_frames": 16, "hidden_size": 32}
    towers = {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    names = {0: "Archery", 1: "Bowling"}
    torch.manual_seed(3)
    theirs = VideoMAEForVideoClassification(VideoMAEConfig(**sizes, **towers, id2label=names))
    theirs.save_pretrained("hf")
    run("weights convert hf noted.pth --to official")
    torch.save(torch.load("noted.pth")["model"], "bare.pth")
    Path("names.json").write_text(json.dumps(names))
    rest = "--topk 1 --segments 1 --crops 1 --workers 0 --device cpu --set frame_stride=1"
    bare = f"eval --init bare.pth --classes names.json {rest}"

    code, out, err = run(f"eval --init hf {rest} --out a")
    assert code == 0, err
    code, out, err = run(bare)
    assert (code, out) == (4, "")
    assert "does not record its number of attention heads" in err
    assert "--set heads=N" in err
    code, _, err = run(f"{bare} --set heads=4 --out b")
    assert code == 0, err
    np.testing.assert_allclose(probabilities(Path("a")), probabilities(Path("b")), atol=1e-6)
    code, _, err = run(f"{bare} --set heads=5")
    assert code == 4
    assert "bare.pth is not a model of avme" in err.splitlines()[-1]
    assert "width 32 is not divisible by 5 heads" in err.splitlines()[-1]
    code, _, err = run(f"eval --init hf {rest} --set heads=8")
    assert code == 4
    assert "was trained with heads 4 (got 8)" in err


def test_weights_with_another_window_names_the_option_init(ours: Path, prepared: Path) -> None:
    run_of_ours = replace(load_checkpoint(ours), facts={"preset": "base", "split": "1"})
    save_checkpoint(Path("run.pt"), run_of_ours)

    code, _, err = run("finetune --from run.pt --modality v --set clip.frame_stride=2")

    assert code == 4, err
    assert "clip.frame_stride is 4 there, 2 here" in err
    assert "give --init run.pt, which takes another window, instead of --from" in err
    line = f"finetune --init run.pt --set clip.frame_stride=2 --val-fraction 0 --modality v {LIGHT}"
    assert run(line)[0] == 0


def test_init_brings_model_window_and_positions(ours: Path, prepared: Path) -> None:
    run("weights convert ours.pt theirs --to huggingface")

    code, _, err = run(f"pretrain --init theirs --out first {LIGHT} --mask 0.75")
    assert code == 0, err
    code, _, err = run(
        f"finetune --init theirs --out second --val-fraction 0 {LIGHT} --set clip.image_size=64"
    )

    assert code == 0, err
    assert "newly initialized" in err
    assert "positions of 2 x 4 x 4 places are stretched over 2 x 8 x 8" in err
    config = PretrainConfig.model_validate(read_settings(Path("first/config.yaml")))
    assert (config.clip.num_frames, config.clip.image_size) == (4, 32)
    assert config.model.pos_embed_grid == (2, 4, 4)
    assert "size: 64" in Path("second/config.yaml").read_text()
    code, _, err = run("pretrain --init ours.pt --out first --resume")
    assert code == 4
    assert "data.init.sha256" in err
    assert run("finetune --init first --out third --val-fraction 0 --modality v " + LIGHT)[0] == 0
