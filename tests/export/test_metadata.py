"""export.json has what a reader of the model file needs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avme.audio.mfcc import describe_recipe
from avme.export.graph import build_graph
from avme.export.metadata import describe_export
from avme.features.network import load_network
from avme.io.hashing import sha256_of


def described(path: Path) -> dict[str, Any]:
    trained = load_network(path)
    found = describe_export(trained, build_graph(trained.model), "onnx")
    return dict(json.loads(json.dumps(found)))


def test_describe_export_of_classifier_has_frames_audio_and_classes(classifier: Path) -> None:
    found = described(classifier)

    assert found["checkpoint"] == {"sha256": sha256_of(classifier), "form": "avme", "step": 7}
    assert found["classes"] == ["Archery", "<b>`|Bowling", "*Cliff*"]
    assert found["inputs"]["frames"]["shape"] == ["batch", 4, 16, 16, 3]
    assert found["inputs"]["mfcc"]["shape"] == ["batch", 32, 13]
    assert found["outputs"]["logits"]["shape"] == ["batch", 3]
    assert found["frames"]["frame_stride"] == 2
    assert found["frames"]["mean"] == [0.485, 0.456, 0.406]
    assert (found["audio"]["mean"], found["audio"]["deviation"]) == ([0.5] * 13, [2.0] * 13)
    assert found["audio"]["mfcc"] == describe_recipe(13)


def test_describe_export_of_frames_alone_has_no_audio(make_checkpoint: Callable[..., Path]) -> None:
    found = described(make_checkpoint({"model.fusion.kind": "none"}, pretrain=True))

    assert found["audio"] is None
    assert list(found["inputs"]) == ["frames"]
    assert found["outputs"]["features"]["shape"] == ["batch", 16]
    assert found["modality"] is None
