"""transformers' own pipeline runs on an exported folder and gives our probabilities."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from einops import rearrange
from transformers import AutoImageProcessor, pipeline

from avme.config import ClipConfig, ModelConfig
from avme.models.classifier import Classifier
from avme.weights.export import write_weights
from avme.weights.load import read_weights
from avme.weights.load_into_model import load_into

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
CLASSES = ("Archery", "Bowling", "Diving", "Fencing", "Golf")


@pytest.fixture
def exported(tmp_path: Path, make_theirs: MakeTheirs) -> Path:
    """A random classifier with names, from VideoMAE's own form to Hugging Face's."""
    make_theirs("finetune").save_pretrained(tmp_path / "theirs")
    weights = replace(read_weights(tmp_path / "theirs"), classes=CLASSES)
    write_weights(weights, tmp_path / "exported", "huggingface")
    return tmp_path / "exported"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Eight random frames, lossless, 24 wide and as high as the model's window."""
    frames = np.random.default_rng(0).integers(0, 256, (8, 16, 24, 3), dtype=np.uint8)
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return tmp_path / "v.mkv"


def ours_on(folder: Path, frames: Any, clip: ClipConfig, config: ModelConfig) -> dict[str, float]:
    """Probabilities by class of the square in the middle."""
    model = Classifier(config, clip, len(CLASSES), "v").eval()
    load_into(model, read_weights(folder), CLASSES)
    middle = torch.from_numpy(np.ascontiguousarray(frames[:, :, 4:20]))
    audio = torch.zeros(1, clip.span_rows, 13)
    with torch.inference_mode():
        video = rearrange(middle, "t h w c -> 1 c t h w")
        logits = model(video, audio, torch.ones(1, clip.span_rows, dtype=torch.bool))
    return dict(zip(CLASSES, logits.softmax(dim=1)[0].tolist(), strict=True))


def test_exported_processor_has_the_size_and_imagenet_mean(exported: Path) -> None:
    processor: Any = AutoImageProcessor.from_pretrained(exported)

    assert type(processor).__name__ == "VideoMAEImageProcessor"
    assert tuple(processor.image_mean) == (0.485, 0.456, 0.406)
    assert tuple(processor.image_std) == (0.229, 0.224, 0.225)
    assert processor.size["shortest_edge"] == 16
    assert (processor.crop_size["height"], processor.crop_size["width"]) == (16, 16)
    assert json.loads((exported / "config.json").read_text())["id2label"]["4"] == "Golf"


@pytest.mark.parametrize("way", ["frames", "file"])
def test_exported_pipeline_gives_the_same_probabilities(
    way: str, exported: Path, video: Path, clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    """Frames go through the video processor; a file needs torchcodec for it, so that it is left to
    the image processor, which decodes with PyAV and takes frames 0, 2, 4 and 7 of eight."""
    classify: Any = pipeline("video-classification", model=str(exported), device="cpu")
    with av.open(str(video)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == 8
    frames = np.stack([decoded[index] for index in (0, 2, 4, 7)])

    if way == "frames":
        found = classify(frames, top_k=5)
    else:
        classify.video_processor = None
        found = classify(str(video), top_k=5, frame_sampling_rate=2)

    expected = ours_on(exported, frames, clip, make_model_config())
    assert {row["label"] for row in found} == set(CLASSES)
    for row in found:
        assert row["score"] == pytest.approx(expected[row["label"]], abs=1e-5)
