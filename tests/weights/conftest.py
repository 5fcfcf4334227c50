"""Random VideoMAEs of transformers and the six ways in which people keep them.

The names of VideoMAE's own files are written out here, apart from the library's table.
"""

import argparse
import json
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
)

from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.config import (
    AudioConfig,
    ClipConfig,
    DecoderConfig,
    FusionConfig,
    ModelConfig,
    PretrainConfig,
    VisualConfig,
)
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.models.masking import TokenMask, TubeMask
from avme.models.reconstruction_loss import reconstruction_loss
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN, to_tubelets
from avme.weights.key_mapping import expand_biases, rule_for
from avme.weights.load import ImportedWeights
from avme.weights.load_into_model import load_into
from avme.weights.trained_model import write_trained

TINY: dict[str, Any] = {
    "image_size": 16, "patch_size": 4, "num_frames": 4, "tubelet_size": 2, "hidden_size": 32,
    "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 64, "layer_norm_eps": 1e-6,
}  # fmt: skip


@pytest.fixture(scope="session")
def make_theirs() -> Callable[..., nn.Module]:
    """transformers' model with random numbers everywhere, and VideoMAE's epsilon in all norms."""

    def make(stage: str = "pretrain", num_labels: int = 5, **sizes: Any) -> nn.Module:
        torch.manual_seed(7)
        pretrain = stage == "pretrain"
        config = VideoMAEConfig(
            **{**TINY, "use_mean_pooling": not pretrain, "num_labels": num_labels, **sizes}
        )
        kind = VideoMAEForPreTraining if pretrain else VideoMAEForVideoClassification
        model: nn.Module = kind(config).eval()
        for parameter in model.parameters():
            if parameter.ndim == 1 or not parameter.detach().any():
                nn.init.normal_(parameter, 0.3, 0.1)
        for part in model.modules():
            if isinstance(part, nn.LayerNorm):
                part.eps = 1e-6
        return model

    return make


@pytest.fixture(scope="session")
def save_as() -> Callable[[nn.Module, str, Path], Path]:
    """Writes transformers' model in one of six spellings; returns the file or folder."""

    def save(model: Any, spelling: str, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        if spelling.startswith("hf"):
            return _save_folder(model, state, spelling, folder)
        tensors = official(state)
        settings = argparse.Namespace(model="pretrain_videomae_tiny", lr=np.float64(1e-3))
        contents: dict[str, dict[str, Any]] = {
            "model": {"model": tensors, "epoch": 3, "args": settings, "loss": np.float32(1.0)},
            "module": {"module": tensors, "epoch": np.int64(3)},
            "bare": tensors,
            "_orig_mod": {"model": {f"_orig_mod.{name}": t for name, t in tensors.items()}},
        }
        torch.save(contents[spelling], folder / "weights.pth")
        return folder / "weights.pth"

    return save


def _save_folder(model: Any, state: dict[str, Tensor], spelling: str, folder: Path) -> Path:
    config = {**model.config.to_dict(), "architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, default=str))
    on_disk = {}
    for name, tensor in state.items():
        if spelling == "hf q_bias":
            name = re.sub(r"(query|value)\.bias", lambda m: f"{m[1][0]}_bias", name)
        elif name.endswith("query.bias"):  # files of transformers 5.1 to 5.17
            on_disk[name.replace("query", "key")] = torch.randn_like(tensor)
        on_disk[name] = tensor
    save_file(on_disk, folder / "model.safetensors", {"format": "pt"})
    return folder


def official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names in VideoMAE's own files."""
    inside = "encoder." if "mask_token" in state else ""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".key." in name or ".value.weight" in name:
            continue
        new = name
        if name.endswith("query.weight"):
            stem = name.removesuffix("query.weight")
            new = f"{stem}qkv.weight"
            tensor = torch.cat(
                [state[f"{stem}{part}.weight"] for part in ("query", "key", "value")]
            )
        for old, becomes in (
            ("videomae.embeddings.patch_embeddings.projection", f"{inside}patch_embed.proj"),
            ("videomae.encoder.layer", f"{inside}blocks"),
            ("videomae.layernorm", f"{inside}norm"),
            ("decoder.decoder_layers", "decoder.blocks"),
            ("classifier", "head"),
            ("attention.attention.query.bias", "attn.q_bias"),
            ("attention.attention.value.bias", "attn.v_bias"),
            ("attention.attention", "attn"),
            ("attention.output.dense", "attn.proj"),
            ("layernorm_before", "norm1"),
            ("layernorm_after", "norm2"),
            ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2"),
        ):
            new = new.replace(old, becomes)
        renamed[new] = tensor
    return renamed


@pytest.fixture
def clip() -> ClipConfig:
    return ClipConfig(num_frames=4, frame_stride=2, image_size=16)


@pytest.fixture
def make_model_config() -> Callable[..., ModelConfig]:
    """Settings of the tiny VideoMAE; keywords are the fusion's, none by default."""

    def make(**fusion: object) -> ModelConfig:
        return ModelConfig(
            visual=VisualConfig(dim=32, depth=2, heads=4, patch_size=4),
            decoder=DecoderConfig(dim=16, depth=1, heads=2),
            fusion=FusionConfig.model_validate({"kind": "none", "heads": 4, **fusion}),
        )

    return make


@pytest.fixture
def pretrained_files(tmp_path: Path, clip: ClipConfig) -> list[Path]:
    """The same audio-visual autoencoder of ours as last.pt and as weights.safetensors."""
    torch.manual_seed(5)
    model = ModelConfig(
        visual=VisualConfig(dim=32, depth=2, heads=4, patch_size=4),
        audio=AudioConfig(widths=(4, 8, 8, 16), blocks=(1, 1, 1, 1)),
        decoder=DecoderConfig(dim=16, depth=1, heads=2),
        fusion=FusionConfig(heads=4),
    )
    config = PretrainConfig(clip=clip, model=model).model_dump(mode="json")
    facts = {"fingerprint": "f", "train_list_sha256": "abc", "split": "1", "preset": "tiny"}
    autoencoder = MaskedAutoencoder(model, clip)
    checkpoint = Checkpoint(
        stage="pretrain", config=config, facts=facts, step=3, model=autoencoder.state_dict()
    )
    save_checkpoint(tmp_path / "last.pt", checkpoint)
    write_trained(tmp_path / "weights.safetensors", checkpoint, epoch=1)
    return [tmp_path / "last.pt", tmp_path / "weights.safetensors"]


KERNEL = "videomae.embeddings.patch_embeddings.projection.weight"
SEEDS = torch.tensor([1, 2])


def clips(config: ClipConfig, number: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random pictures and sound, as our models take them."""
    generator = torch.Generator().manual_seed(3)
    size = (number, 3, config.num_frames, config.image_size, config.image_size)
    video = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    mfcc = torch.randn(number, config.span_rows, 13, generator=generator)
    return video, mfcc, torch.ones(number, config.span_rows, dtype=torch.bool)


def as_they_see(video: Tensor) -> Tensor:
    """The same pictures as transformers' models take them."""
    mean, deviation = (
        torch.tensor(x)[:, None, None, None] for x in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    return rearrange((video.float() / 255 - mean) / deviation, "b c t h w -> b t c h w")


def as_they_mask(choice: TokenMask) -> Tensor:
    """The same choice as a mask in which True is hidden."""
    tokens = choice.keep.shape[1] + choice.hide.shape[1]
    return torch.zeros(len(choice.hide), tokens, dtype=torch.bool).scatter(1, choice.hide, True)


def relative(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what was expected."""
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm() / expected.norm().clamp(min=1e-12))


def _compare_pretraining(ours: MaskedAutoencoder, theirs: Any, clip: ClipConfig) -> None:
    """Predictions and loss to 1e-5, gradients to 1e-4."""
    choice = TubeMask(ours.grid, 0.75)(SEEDS)
    inputs = clips(clip)
    theirs.zero_grad()

    expected = theirs(as_they_see(inputs[0]), bool_masked_pos=as_they_mask(choice))
    made = ours.eval()(*inputs, choice)
    loss = reconstruction_loss(made.prediction.hidden, made.hidden, "normalized")
    torch.autograd.backward([loss, expected.loss])

    assert relative(made.prediction.hidden, expected.logits) < 1e-5
    assert relative(loss, expected.loss) < 1e-5
    _compare_gradients(ours, theirs, "pretrain")


def _compare_gradients(ours: nn.Module, theirs: nn.Module, stage: Any) -> None:
    given = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    wanted, _ = expand_biases(given)
    mine = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    kernel = tuple(theirs.get_parameter(KERNEL).shape[2:4])
    compared = 0
    for name, gradient in mine.items():
        if name.startswith(("audio.", "fusion.")):
            continue
        pool = getattr(ours, "pool_by", "mean")
        rule = rule_for(name, "huggingface", stage, (kernel[0], kernel[1]), pool)
        expected = rule.to_own([wanted[part] for part in rule.theirs])
        found = gradient[:, : expected.shape[-1]] if name == "decoder.bridge.weight" else gradient
        assert relative(found, expected) < 1e-4, name
        compared += len(rule.theirs)
    assert compared == len(wanted)


def _compare_classifying(ours: Classifier, theirs: Any, clip: ClipConfig) -> None:
    """Logits to 1e-5, gradients to 1e-4."""
    inputs, labels = clips(clip), torch.tensor([0, 3])
    theirs.zero_grad()

    expected = theirs(as_they_see(inputs[0])).logits
    logits = ours.eval()(*inputs)
    torch.autograd.backward([F.cross_entropy(logits, labels), F.cross_entropy(expected, labels)])

    assert relative(logits, expected) < 1e-5
    _compare_gradients(ours, theirs, "finetune")


def _compare_encoders(
    weights: ImportedWeights, theirs: Any, clip: ClipConfig, config: ModelConfig
) -> None:
    """All tokens of the tower, before any pooling."""
    model = Classifier(config, clip, 5, "v").eval()
    load_into(model, weights, tuple("abcde"))
    video = clips(clip)[0]
    with torch.inference_mode():
        assert model.visual is not None
        found = model.visual(
            to_tubelets(video, config.visual.tubelet_size, config.visual.patch_size)
        )
        if "visual.norm.weight" in weights.tensors:
            norm = (weights.tensors["visual.norm.weight"], weights.tensors["visual.norm.bias"])
            found = nn.functional.layer_norm(found, (32,), *norm, eps=1e-6)
        expected = theirs(as_they_see(video)).last_hidden_state
    assert relative(found, expected) < 1e-5


class Parity:
    """Comparisons of our models with transformers' that hold the same weights."""

    clips = staticmethod(clips)
    as_they_see = staticmethod(as_they_see)
    relative = staticmethod(relative)
    pretraining = staticmethod(_compare_pretraining)
    encoding = staticmethod(_compare_encoders)
    classifying = staticmethod(_compare_classifying)
    official = staticmethod(official)


@pytest.fixture(scope="session")
def parity() -> type[Parity]:
    return Parity


@pytest.fixture(scope="session")
def no_file_larger_than() -> Callable[[int], AbstractContextManager[None]]:
    """Inside, writing more bytes fails with EFBIG, as on a full disk it does with ENOSPC."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)

    return limited
