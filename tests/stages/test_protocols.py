"""Training under each protocol: what is recorded, and exact resuming with donors."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from avme.checkpoint.file import load_checkpoint
from avme.config import EvalConfig, FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.clip_reader import ClipReader
from avme.data.donor_audio import DonorPool
from avme.data.eval_dataset import EvalDataset
from avme.data.temporal_sampling import Window, spread_windows
from avme.errors import MismatchError, StoppedBySignal
from avme.io.hashing import list_sha256
from avme.models.classifier import build_classifier
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from tests.data.half_audible import AUDIBLE_STATE, prepare_half_audible

pytestmark = pytest.mark.slow

MakePretrain = Callable[..., PretrainConfig]
MakeFinetune = Callable[..., FinetuneConfig]


class Lines(NullReporter):
    """Reporter that keeps its lines, and sends this process SIGTERM after some steps."""

    def __init__(self, stop_after: int = -1) -> None:
        self.left, self.lines = stop_after, list[str]()

    def log(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Lines"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def half(
    tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> PreparedDataset:
    """Two classes, of which one has audio."""
    return prepare_half_audible(tmp_path_factory.mktemp("half"), make_video)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "weights.safetensors")


def are_equal(one: Path, other: Path) -> bool:
    ours, theirs = weights_of(one), weights_of(other)
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def with_donors(
    half: PreparedDataset, make_pretrain_config: MakePretrain, tmp_path_factory: Any
) -> Path:
    """A pretraining with donors; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "donor"
    return pretrain(make_pretrain_config(protocol="donor"), data=half.folder, out=out)


def test_pretrain_with_donors_records_the_protocol(with_donors: Path) -> None:
    checkpoint = load_checkpoint(with_donors / "checkpoints" / "last.pt")
    derived = json.loads((with_donors / "derived.json").read_text())

    assert checkpoint.facts["protocol"] == "donor"
    assert checkpoint.config["train"]["protocol"] == "donor"
    assert (derived["protocol"], derived["clips"], derived["clips_with_audio"]) == ("donor", 6, 3)
    log = (with_donors / "train.log").read_text()
    assert "protocol  donor: 3 of 6 clips have no usable audio" in log


def test_pretrain_with_donors_resumed_within_an_epoch_ends_bit_for_bit_as_uninterrupted(
    half: PreparedDataset, with_donors: Path, make_pretrain_config: MakePretrain, tmp_path: Path
) -> None:
    config = make_pretrain_config(protocol="donor", epochs=8, batch_size=2)
    out, whole = tmp_path / "run", tmp_path / "whole"

    pretrain(config, data=half.folder, out=whole)
    with pytest.raises(StoppedBySignal, match="step 10 of 24"):  # three steps an epoch
        pretrain(config, data=half.folder, out=out, report=Lines(stop_after=10))
    pretrain(config, data=half.folder, out=out, resume=True)

    assert are_equal(out, whole)
    plain = pretrain(
        make_pretrain_config(epochs=8, batch_size=2), data=half.folder, out=tmp_path / "all"
    )
    assert not are_equal(plain, whole)


def test_pretrain_with_donors_gives_the_same_losses_on_two_processes(
    half: PreparedDataset,
    with_donors: Path,
    make_pretrain_config: MakePretrain,
    start: Callable[..., Any],
    tmp_path: Path,
) -> None:
    settings, run = tmp_path / "settings.yaml", tmp_path / "two"
    settings.write_text(to_yaml(make_pretrain_config(protocol="donor", num_workers=1)))
    argv = ["-m", "avme_cli", "pretrain", "--data", str(half.folder), "--config", str(settings)]

    made = start([*argv, "--out", str(run), "--procs", "2"])
    assert made.wait() == 0, made.said

    ours, theirs = (
        [line["loss"] for line in read_metrics(folder / "metrics.jsonl")]
        for folder in (run, with_donors)
    )
    assert len(ours) == 4
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_pretrain_resumed_with_another_protocol_is_refused(
    half: PreparedDataset, with_donors: Path, make_pretrain_config: MakePretrain
) -> None:
    with pytest.raises(MismatchError, match=r"train\.protocol donor -> all") as error:
        pretrain(make_pretrain_config(), data=half.folder, out=with_donors, resume=True)
    assert "\n" not in str(error.value)


def test_constant_audio_trains_the_null_tokens_and_no_audio_encoder(
    half: PreparedDataset, make_pretrain_config: MakePretrain, tmp_path: Path
) -> None:
    run = pretrain(
        make_pretrain_config(protocol="constant"), data=half.folder, out=tmp_path / "run"
    )

    *_, last = read_metrics(run / "metrics.jsonl")
    assert last["grad_norm_audio_null"] > 0
    assert last["grad_norm_audio"] == 0
    assert all(torch.isfinite(value).all() for value in weights_of(run).values())


def test_audio_only_fine_tuning_uses_clips_with_audio_alone(
    finished: PreparedDataset, make_finetune_config: MakeFinetune, tmp_path: Path
) -> None:
    config = make_finetune_config()
    train = config.train.model_copy(update={"protocol": "audio-only", "batch_size": 2})
    report = Lines()

    run = finetune(
        config.model_copy(update={"train": train}),
        data=finished.folder,
        out=tmp_path / "run",
        init=None,
        report=report,
    )

    derived = json.loads((run / "derived.json").read_text())
    assert derived["clips"] == derived["clips_with_audio"]
    assert derived["clips"] + derived["validation_clips"] == 4  # of 8 train clips
    assert "protocol  audio-only: 4 of 8 clips have usable audio" in report.lines
    assert load_checkpoint(run / "checkpoints" / "best.pt").facts["protocol"] == "audio-only"


def test_audio_only_fine_tuning_names_the_classes_that_it_leaves_out(
    half: PreparedDataset, make_finetune_config: MakeFinetune, tmp_path: Path
) -> None:
    config = make_finetune_config(val_fraction=0.0)
    train = config.train.model_copy(update={"protocol": "audio-only", "batch_size": 2, "epochs": 1})
    report = Lines()

    finetune(
        config.model_copy(update={"train": train}),
        data=half.folder,
        out=tmp_path / "run",
        init=None,
        report=report,
    )

    assert [line for line in report.lines if "(B)" in line] == [
        "protocol  audio-only: 3 of 6 clips have usable audio; left out: 1 class without such "
        "clips (B)"
    ]


def test_donors_without_any_audio_are_refused_before_a_folder_is_made(
    finished: PreparedDataset, folder: Path, make_pretrain_config: MakePretrain, reseal: Any
) -> None:
    index = folder / "index.csv"
    index.write_text(index.read_text().replace(f",{AUDIBLE_STATE},", ",silent,"))
    reseal(folder)
    out = folder.parent / "run"

    for protocol, message in (
        ("donor", "8 clips without usable audio .* have no donor"),
        ("audio-only", "no clip of .*, split 1, train has usable audio"),
    ):
        with pytest.raises(MismatchError, match=message) as error:
            pretrain(make_pretrain_config(protocol=protocol), data=folder, out=out)
        assert "\n" not in str(error.value)
    assert not out.exists()


def test_fine_tuning_after_another_protocol_is_noted(
    half: PreparedDataset, with_donors: Path, make_finetune_config: MakeFinetune, tmp_path: Path
) -> None:
    report = Lines()

    run = finetune(
        make_finetune_config(val_fraction=0.0),
        data=half.folder,
        out=tmp_path / "run",
        init=with_donors,
        report=report,
    )

    assert "pretrained with protocol donor, fine-tuned with protocol all" in report.lines
    facts = load_checkpoint(run / "checkpoints" / "best.pt").facts
    assert (facts["protocol"], facts["pretrained"]["protocol"]) == ("all", "donor")


def finetuned_with(
    protocol: str, half: PreparedDataset, make_finetune_config: MakeFinetune, out: Path
) -> Path:
    config = make_finetune_config(val_fraction=0.0)
    train = {"protocol": protocol, "batch_size": 2, "epochs": 2}
    config = config.model_copy(update={"train": config.train.model_copy(update=train)})
    return finetune(config, data=half.folder, out=out, init=None)


def audio_by_hand(
    protocol: str, reader: ClipReader, trained: ClipReader, index: int, window: Window
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the MFCC of a scored clip by the rules of docs/protocols.md."""
    entry = reader.entries[index]
    mfcc, valid = reader.audio(entry, window)
    if protocol == "constant":
        return torch.zeros_like(mfcc), torch.zeros_like(valid)
    if protocol == "donor" and not entry.has_audio:
        donor = DonorPool(trained.entries).choose(entry, 0)
        return trained.cyclic_audio(donor, window, entry.num_frames)
    return mfcc, valid


@pytest.mark.parametrize("protocol", ["all", "donor", "constant", "audio-only"])
def test_evaluate_gives_clips_the_audio_of_the_protocol_of_their_classifier(
    protocol: str, half: PreparedDataset, make_finetune_config: MakeFinetune, tmp_path: Path
) -> None:
    run = finetuned_with(protocol, half, make_finetune_config, tmp_path / "run")
    report = Lines()

    result = evaluate(
        run,
        data=half.folder,
        config=EvalConfig(segments=1, crops=1, num_workers=0, device="cpu", topk=(1,)),
        out=tmp_path / "eval",
        report=report,
    )

    loaded = load_checkpoint(run / "checkpoints" / "best.pt")
    config = FinetuneConfig.model_validate(loaded.config)
    model = build_classifier(config, 2).eval()
    model.load_state_dict(loaded.model)
    scored = [e for e in half.subset("1", "test") if e.has_audio or protocol != "audio-only"]
    reader, trained = (
        ClipReader(half, entries, loaded.facts["mfcc"])
        for entries in (scored, half.subset("1", "train"))
    )
    views = EvalDataset(reader, config.clip, 1, 1)
    (window,) = spread_windows(25, config.clip, 1)
    with np.load(result.folder / "predictions.npz") as predictions:
        probability = predictions["probability"]
    assert len(probability) == len(scored) == (1 if protocol == "audio-only" else 2)
    for index, found in enumerate(probability):
        mfcc, valid = audio_by_hand(protocol, reader, trained, index, window)
        with torch.inference_mode():
            logits = model(views[index].video, mfcc[None], valid[None])
        np.testing.assert_allclose(found, logits.double().softmax(dim=-1)[0], rtol=1e-5)
    summary, audio = result.summary, "real" if protocol in ("all", "audio-only") else "protocol"
    assert (summary["protocol"], summary["audio"], summary["n"]) == (protocol, audio, len(scored))
    assert f"|audio={audio}|frames=real|proto={protocol}|" in summary["signature"]
    assert summary["list_sha256"] == list_sha256(entry.id for entry in scored)
    assert any(line.startswith(f"protocol {protocol}: ") for line in report.lines) == (
        protocol != "all"
    )
    assert summary["untrained_classes"] == []


def test_evaluate_of_donors_without_any_in_the_train_list_is_refused(
    half: PreparedDataset, make_finetune_config: MakeFinetune, tmp_path: Path, reseal: Any
) -> None:
    run = finetuned_with("donor", half, make_finetune_config, tmp_path / "run")
    other = Path(shutil.copytree(half.folder, tmp_path / "other"))
    index = other / "index.csv"
    index.write_text(index.read_text().replace(f",{AUDIBLE_STATE},", ",silent,"))
    reseal(other)

    with pytest.raises(MismatchError, match=r"protocol donor: 2 clips .* have no donor") as error:
        evaluate(run, data=other, out=tmp_path / "eval")
    assert "\n" not in str(error.value)
