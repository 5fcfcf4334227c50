"""Exported folders equal the trained model on real clips, or leave nothing behind."""

import json
from pathlib import Path

import pytest
import torch
from einops import rearrange
from torch import Tensor

from avme.batch import AVBatch
from avme.checkpoint.file import load_checkpoint, save_checkpoint
from avme.config import EvalConfig, FinetuneConfig
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.errors import MismatchError, UsageError
from avme.export.folder import FORMATS, Format, export_model, require_new
from avme.export.onnx_file import open_onnx
from avme.export.onnx_file import read_metadata as onnx_metadata
from avme.export.parity import Runner
from avme.export.program import open_program
from avme.features.network import load_network
from avme.io.hashing import sha256_of
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate

OPENERS = {"torch-export": ("model.pt2", open_program), "onnx": ("model.onnx", open_onnx)}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def runner_of(kind: Format, folder: Path) -> Runner:
    if kind != "safetensors":
        name, opener = OPENERS[kind]
        return opener(folder / name)
    network = load_network(folder).model.eval()

    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        frames, mfcc, valid = inputs
        with torch.no_grad():
            found: Tensor = network(rearrange(frames, "b t h w c -> b c t h w"), mfcc, valid)
        return found

    return run


def three_clips(prepared: PreparedDataset, run: Path) -> AVBatch:
    """Return a window of a clip with audio, of a silent one, and of one without a track."""
    trained = load_network(run)
    entries = {entry.audio: entry for entry in prepared.entries}
    chosen = tuple(entries[state] for state in ("audible", "silent", "none"))
    reader = ClipReader(prepared, chosen, trained.weights.facts["mfcc"])
    views = [EvalDataset(reader, trained.settings.clip, 1, 1)[index] for index in range(3)]
    joined = {
        name: torch.cat([getattr(view, name) for view in views])
        for name in ("video", "mfcc", "audio_valid", "label", "clip", "seed")
    }
    return AVBatch(**joined)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_export_model_of_each_format_equals_the_run_on_real_clips(
    kind: Format, finetuned: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    made = export_model(finetuned, kind, tmp_path / "out")

    batch = three_clips(finished, finetuned)
    model, run = load_network(finetuned).model.eval(), runner_of(kind, made.folder)
    frames = rearrange(batch.video, "b c t h w -> b t h w c")
    assert batch.has_audio.tolist() == [True, False, False]
    for valid in (batch.audio_valid, torch.zeros_like(batch.audio_valid)):
        with torch.no_grad():
            expected = model(batch.video, batch.mfcc, valid)
        found = run((frames, batch.mfcc, valid))
        alone = run((frames[:1], batch.mfcc[:1], valid[:1]))
        assert torch.allclose(found, expected, rtol=0.0, atol=1e-4)
        assert torch.allclose(alone, expected[:1], rtol=0.0, atol=1e-4)
    content = json.loads((made.folder / "export.json").read_text())
    assert content["parity"]["max_abs_difference"] == made.max_difference <= 1e-4
    assert content["checkpoint"]["sha256"] == sha256_of(finetuned / "checkpoints" / "best.pt")
    assert names_in(tmp_path) == ["out"]
    if kind == "onnx":
        assert json.loads(onnx_metadata(made.folder / "model.onnx"))["classes"] == [
            "Archery",
            "Bowling",
        ]


@pytest.mark.slow
def test_export_model_as_safetensors_evaluates_as_its_run(
    finetuned: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    made = export_model(finetuned, "safetensors", tmp_path / "out")
    config = EvalConfig(topk=(1,), segments=1, crops=1)

    scored = [
        evaluate(path, data=finished.folder, config=config, out=tmp_path / name).summary
        for name, path in (("of run", finetuned), ("of export", made.folder))
    ]

    assert [scored[0][key] for key in ("n", "top1", "cross_entropy")] == [
        scored[1][key] for key in ("n", "top1", "cross_entropy")
    ]
    assert isinstance(load_network(made.folder).settings, FinetuneConfig)


def test_export_model_with_infinite_outputs_leaves_nothing(
    classifier: Path, tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(classifier)
    last = ("norm.", "head.")  # their product exceeds single precision
    huge = {n: 1e22 * tensor for n, tensor in checkpoint.model.items() if n.startswith(last)}
    path = tmp_path / "huge.pt"
    checkpoint.model.update(huge)
    save_checkpoint(path, checkpoint)

    with pytest.raises(MismatchError, match="differs from the model by nan"):
        export_model(path, "safetensors", tmp_path / "deep" / "out")

    assert names_in(tmp_path) == ["huge.pt"]


def test_export_model_to_an_existing_folder_changes_nothing(
    classifier: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")

    for out in (tmp_path / "mine", tmp_path, link):
        with pytest.raises(UsageError, match="exists already: choose another with --out"):
            export_model(classifier, "safetensors", out)

    require_new(tmp_path / "free")
    assert names_in(tmp_path) == ["link", "mine"]
