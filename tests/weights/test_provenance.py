"""Runs that start from weights begin as VideoMAE, and remember which weights they were."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import nn
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from avme.batch import AVBatch
from avme.checkpoint.file import Checkpoint, load_checkpoint, save_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.dataloader import build_loader
from avme.data.dataset import TrainDataset
from avme.data.sampler import DistributedBatchSampler, SampleOrder
from avme.data.transforms import PretrainTransform
from avme.errors import ArtifactError, MismatchError
from avme.models.autoencoder import MaskedAutoencoder, grid_of
from avme.models.masking import TubeMask
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.stages.training import mfcc_facts
from avme.train.metrics.loggers import read_metrics
from avme.weights.export import write_weights
from avme.weights.key_mapping import Form
from avme.weights.load import read_weights
from avme.weights.provenance import require_no_test_leak

pytestmark = pytest.mark.slow

MakePretrain = Callable[..., PretrainConfig]
MakeFinetune = Callable[..., FinetuneConfig]


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="session")
def videomae(
    tmp_path_factory: pytest.TempPathFactory, make_pretrain_config: MakePretrain
) -> dict[Form, Path]:
    """A VideoMAE with random weights, biases and norms too, in both forms."""
    folder = tmp_path_factory.mktemp("videomae")
    config = make_pretrain_config()
    settings = config.model_dump(mode="json")
    settings["model"]["fusion"]["kind"] = "none"
    torch.manual_seed(11)
    config = PretrainConfig.model_validate(settings)
    model = MaskedAutoencoder(config.model, config.clip)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.3, 0.1)
    save_checkpoint(
        folder / "ours.pt",
        Checkpoint(stage="pretrain", config=settings, facts={}, step=0, model=model.state_dict()),
    )
    weights = read_weights(folder / "ours.pt")
    write_weights(weights, folder / "official.pth", "official")
    write_weights(weights, folder / "huggingface", "huggingface")
    return {"official": folder / "official.pth", "huggingface": folder / "huggingface"}


def first_batch(config: PretrainConfig, prepared: PreparedDataset) -> AVBatch:
    """What the first step of the run trains on."""
    entries = prepared.subset(config.clip.split, "train")
    reader = ClipReader(prepared, entries, mfcc_facts(prepared, config.clip.split))
    order = SampleOrder(
        num_clips=len(entries), batch=config.train.batch_size, seed=config.train.seed
    )
    batches = DistributedBatchSampler(order, first_step=0, last_step=1, rank=0, world=1)
    clips = TrainDataset(reader, PretrainTransform(config.clip, config.crop))
    loader = build_loader(clips, batches, workers=0, pin=False, local_world_size=1)
    batch: AVBatch = next(iter(loader))
    return batch


def loss_of_videomae(folder: Path, config: PretrainConfig, batch: AVBatch) -> float:
    """The loss that transformers' VideoMAE has on a batch, with VideoMAE's epsilon."""
    theirs: Any = VideoMAEForPreTraining.from_pretrained(folder).eval()
    for part in theirs.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = 1e-6
    grid = grid_of(config.model, config.clip)
    choice = TubeMask(grid, config.mask.ratio)(batch.seed)
    hidden = torch.zeros(len(batch.seed), grid.tokens, dtype=torch.bool)
    mean, deviation = (
        torch.tensor(x)[:, None, None, None] for x in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    pictures = (batch.video.float() / 255 - mean) / deviation
    with torch.inference_mode():
        made = theirs(
            rearrange(pictures, "b c t h w -> b t c h w"),
            bool_masked_pos=hidden.scatter(1, choice.hide, True),
        )
    return float(made.loss)


@pytest.mark.parametrize("fusion", ["cross-attention", "concat", "none"])
def test_pretrain_from_videomae_has_its_first_loss(
    fusion: str,
    tmp_path: Path,
    finished: PreparedDataset,
    videomae: dict[Form, Path],
    make_pretrain_config: MakePretrain,
) -> None:
    settings = make_pretrain_config(epochs=1, precision="fp32").model_dump()
    settings["model"]["fusion"]["kind"] = fusion
    config = PretrainConfig.model_validate(settings)

    out = pretrain(config, data=finished.folder, out=tmp_path / "run", init=videomae["official"])

    first = read_metrics(out / "metrics.jsonl")[0]
    expected = loss_of_videomae(videomae["huggingface"], config, first_batch(config, finished))
    assert first["loss"] == pytest.approx(expected, rel=1e-5)


def test_resume_with_other_weights_is_refused(
    tmp_path: Path,
    finished: PreparedDataset,
    videomae: dict[Form, Path],
    make_pretrain_config: MakePretrain,
) -> None:
    config, out = make_pretrain_config(epochs=1), tmp_path / "run"
    pretrain(config, data=finished.folder, out=out, init=videomae["official"])

    noted = load_checkpoint(out / "checkpoints" / "last.pt").facts["init"]
    pretrain(config, data=finished.folder, out=out, resume=True)
    pretrain(config, data=finished.folder, out=out, init=videomae["official"], resume=True)

    assert noted == read_weights(videomae["official"]).origin()
    assert load_checkpoint(out / "checkpoints" / "last.pt").facts["init"] == noted
    with pytest.raises(MismatchError, match=r"data\.init\.sha256"):
        pretrain(config, data=finished.folder, out=out, init=videomae["huggingface"], resume=True)


@pytest.mark.parametrize("modality", ["av", "v"])
def test_finetune_from_pretrained_encoder_starts_with_it(
    modality: str,
    tmp_path: Path,
    finished: PreparedDataset,
    videomae: dict[Form, Path],
    make_finetune_config: MakeFinetune,
) -> None:
    config = make_finetune_config(modality=modality, val_fraction=0.0)
    config = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 1})})
    out, report = tmp_path / "run", Listening()

    finetune(
        config,
        data=finished.folder,
        out=out,
        init=None,
        weights=videomae["huggingface"],
        report=report,
    )

    facts = load_checkpoint(out / "checkpoints" / "last.pt").facts
    said = "\n".join(report.lines)
    assert f"mapped {30 if modality == 'av' else 28} tensors: visual" in said
    assert "norm.weight, norm.bias, head.weight, head.bias" in said
    assert facts["pretrained"]["form"] == "huggingface"
    assert len(facts["pretrained"]["sha256"]) == 64


def test_settings_of_another_size_are_refused_with_both_named(
    tmp_path: Path,
    finished: PreparedDataset,
    videomae: dict[Form, Path],
    make_pretrain_config: MakePretrain,
) -> None:
    settings = make_pretrain_config().model_dump()
    settings["model"]["visual"]["dim"] = 64
    config = PretrainConfig.model_validate(settings)

    with pytest.raises(MismatchError, match=r"model\.visual\.dim is 32 there, 64 here"):
        pretrain(config, data=finished.folder, out=tmp_path / "run", init=videomae["official"])
    assert not (tmp_path / "run").exists()


def test_broken_weights_are_refused_before_a_run_begins(
    tmp_path: Path, finished: PreparedDataset, make_pretrain_config: MakePretrain
) -> None:
    (tmp_path / "half.pth").write_bytes(b"half")

    with pytest.raises(ArtifactError, match=r"half\.pth"):
        pretrain(
            make_pretrain_config(),
            data=finished.folder,
            out=tmp_path / "run",
            init=tmp_path / "half.pth",
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("link", ["init", "pretrained"])
def test_test_clips_seen_by_an_ancestor_are_found(link: str, finished: PreparedDataset) -> None:
    seen = {"fingerprint": finished.fingerprint, "train_list_sha256": "other", "split": "2"}

    with pytest.raises(MismatchError, match="pretrained on split 2"):
        require_no_test_leak({"form": "avme", "sha256": "1", link: seen}, finished, "1")
    require_no_test_leak({"form": "official", "sha256": "1"}, finished, "1")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """transformers' classifier whose rows are Bowling, with bias 3, and Archery, with bias 2."""
    folder = tmp_path_factory.mktemp("published") / "hf"
    names = {0: "Bowling", 1: "Archery"}
    sizes = {"image_size": 16, "patch_size": 4, "num_frames": 4, "hidden_size": 32}
    towers = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    theirs = VideoMAEForVideoClassification(VideoMAEConfig(**sizes, **towers, id2label=names))
    with torch.no_grad():
        theirs.classifier.bias.copy_(torch.tensor([3.0, 2.0]))
    theirs.save_pretrained(folder)
    write_weights(replace(read_weights(folder), classes=()), folder.with_suffix(".pth"), "official")
    folder.with_suffix(".txt").write_text("1 Bowling\n2 Archery\n")
    return folder


@pytest.mark.parametrize(
    ("suffix", "named", "biases", "said"),
    [
        ("", False, [2.0, 3.0], "head: all 2 rows are the file's, put in the order of the set's"),
        (".pth", True, [2.0, 3.0], "head: all 2 rows are the file's, put in the order of the set"),
        (".pth", False, [0.0, 0.0], "does not name its 2 classes; name them with --classes FILE"),
    ],
)
def test_published_head_is_mapped_to_classes_by_name(
    suffix: str,
    named: bool,
    biases: list[float],
    said: str,
    tmp_path: Path,
    finished: PreparedDataset,
    published: Path,
    make_finetune_config: MakeFinetune,
) -> None:
    """The rate is so low that training leaves the head as it starts."""
    optim = {"lr": 1e-12, "min_lr": 0.0, "warmup_epochs": 0}
    config = make_finetune_config(modality="v", val_fraction=0.0, optim=optim)
    config = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 1})})
    report = Listening()

    out = finetune(
        config,
        data=finished.folder,
        out=tmp_path / "run",
        init=None,
        weights=published.with_suffix(suffix),
        names=published.with_suffix(".txt") if named else None,
        report=report,
    )

    assert finished.classes == ("Archery", "Bowling")
    assert load_file(out / "weights.safetensors")["head.bias"].tolist() == pytest.approx(biases)
    assert any(said in line for line in report.lines)
