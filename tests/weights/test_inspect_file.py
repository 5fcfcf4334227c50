"""Description of weight files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from avme.weights.inspect_file import describe_weights
from avme.weights.load import read_weights

MakeTheirs = Callable[..., Any]


SaveAs = Callable[[nn.Module, str, Path], Path]


def test_describe_weights_of_classifier_lists_sizes_and_classes(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    folder = save_as(make_theirs("finetune"), "hf query.bias", tmp_path)

    rows = dict(describe_weights(read_weights(folder)))

    assert rows["form"] == "Hugging Face, safetensors"
    assert rows["holds"] == "a classifier, modality v"
    assert rows["visual"] == (
        "dim 32, depth 2, mlp_ratio 4.0, patch_size 4, tubelet_size 2, embed linear, "
        "positions flat, heads 4"
    )
    assert "decoder" not in rows
    assert rows["numbers in head"] == f"{5 * 32 + 5:,}"
    assert rows["positions"] == "sine-cosine over 2 x 4 x 4 places"
    assert rows["classes"] == "5, without names"
    assert rows["stored as"].endswith(" tensors of float32")
    assert "key.bias" in rows["left out"]
    assert len(rows["SHA-256"]) == 64


def test_describe_weights_of_avme_files_agrees_between_formats(
    pretrained_files: list[Path],
) -> None:
    checkpoint, exported = (dict(describe_weights(read_weights(file))) for file in pretrained_files)

    differing = {name for name in checkpoint if checkpoint[name] != exported.get(name)}
    assert differing <= {"file", "form", "stored as", "step", "checksum inside", "SHA-256"}
    assert checkpoint["holds"] == "a masked autoencoder of video and audio"
    parts = [name for name in checkpoint if name.startswith("numbers in ")]
    counts = {name.split()[-1]: int(checkpoint[name].replace(",", "")) for name in parts}
    assert counts.keys() == {"visual", "audio", "fusion", "decoder", "all"}
    assert sum(counts.values()) == 2 * counts["all"]
    assert checkpoint["step"] == "3"
