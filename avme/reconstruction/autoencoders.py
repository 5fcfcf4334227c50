"""Pretrained autoencoders that reconstruct clips; others are refused with the run that can.

Shape letters: b clips, m hidden tokens, p pixels of a tubelet.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from avme.batch import AVBatch
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError, MismatchError, NonFiniteError
from avme.features.network import load_network
from avme.inference.decoded_part import Statistics
from avme.inference.model import Model
from avme.io.run_status import read_status
from avme.models.autoencoder import MaeOutput, MaskedAutoencoder
from avme.models.masking import Grid, TokenMask
from avme.train.run.lookup import dataset_of, run_folder
from avme.weights.load_classifier import results_of


@dataclass(frozen=True, slots=True)
class Setup:
    """Frames and token grid of a window; autoencoders of one setup share clips and masks."""

    num_frames: int
    frame_stride: int
    image_size: int
    tubelet_size: int
    patch_size: int

    @property
    def grid(self) -> Grid:
        """Token grid."""
        side = self.image_size // self.patch_size
        return Grid(self.num_frames // self.tubelet_size, side, side)

    @property
    def short(self) -> str:
        """Short form for figures."""
        return (
            f"{self.num_frames} frames, stride {self.frame_stride}, {self.image_size} px, patch "
            f"{self.patch_size}"
        )

    def __str__(self) -> str:
        """Describe it in one line."""
        return (
            f"{self.num_frames} frames of {self.image_size} x {self.image_size} pixels, stride "
            f"{self.frame_stride}, patches of {self.patch_size} x {self.patch_size}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoencoder:
    """Pretrained autoencoder with its settings."""

    name: str
    file: Path
    step: int
    network: MaskedAutoencoder
    settings: PretrainConfig
    mfcc: Statistics
    """Mean and deviation of the cepstra in its training."""
    folder: Path
    """Folder for its figures: in the run, or below runs/ for other weights."""

    @property
    def hears(self) -> bool:
        """True if it uses audio."""
        return self.settings.model.fusion.kind != "none"

    @property
    def is_normalized(self) -> bool:
        """True if it predicts patches up to their mean and deviation."""
        return self.settings.loss.target == "normalized"

    @property
    def described(self) -> str:
        """Kind of the model: VideoMAE, or the fusion of video and audio."""
        kind = self.settings.model.fusion.kind
        return "video only (VideoMAE)" if kind == "none" else f"video and audio ({kind})"

    @property
    def setup(self) -> Setup:
        """Frames and token grid of its window."""
        clip, visual = self.settings.clip, self.settings.model.visual
        return Setup(
            clip.num_frames,
            clip.frame_stride,
            clip.image_size,
            visual.tubelet_size,
            visual.patch_size,
        )

    def predict(self, batch: AVBatch, choice: TokenMask) -> Float[Tensor, "b m p"]:
        """Predict the hidden tubelets, in units of the target, on the CPU.

        Raises NonFiniteError if a value is not finite.
        """
        device = next(self.network.parameters()).device
        batch, choice = batch.to(device), choice.to(device)
        with torch.inference_mode():
            made = cast(MaeOutput, self.network(batch.video, batch.mfcc, batch.audio_valid, choice))
            hidden = made.prediction.hidden.float().cpu()
        if not hidden.isfinite().all():
            raise NonFiniteError(
                f"{self.file}: its prediction is not finite: take another checkpoint"
            )
        return hidden


def load_autoencoder(path: Path, device: torch.device) -> Autoencoder:
    """Load the autoencoder of a pretrain run, a checkpoint, or weights with a decoder.

    Raises:
        ArtifactError: The file is missing or damaged.
        MismatchError: It is a classifier or an encoder alone.
    """
    loaded = load_network(path)
    weights, settings = loaded.weights, loaded.settings
    cepstra = settings.model.audio.num_cepstra
    nothing = {"mean": cepstra * [0.0], "deviation": cepstra * [1.0]}
    return Autoencoder(
        name=_name_of(path, weights.file),
        file=weights.file,
        step=int(weights.facts.get("step") or 0),
        settings=_pretraining(weights.file, settings, weights.facts),
        network=cast(MaskedAutoencoder, loaded.model).to(device).eval(),
        mfcc=weights.facts.get("mfcc") or nothing,
        folder=results_of(weights, "reconstructions"),
    )


def as_autoencoder(model: Model) -> Autoencoder:
    """Return a loaded model as an autoencoder; raises MismatchError if it is a classifier."""
    return Autoencoder(
        name=_name_of(run_folder(model.file), model.file),
        file=model.file,
        step=int(model.facts.get("step") or 0),
        settings=_pretraining(model.file, model.settings, model.facts),
        network=cast(MaskedAutoencoder, model.network),
        mfcc=model.statistics,
        folder=run_folder(model.file) / "reconstructions",
    )


def load_autoencoders(paths: list[Path], device: torch.device) -> list[Autoencoder]:
    """Load several, with different names: a repeated one gets a number."""
    found: list[Autoencoder] = []
    for path in paths:
        one = load_autoencoder(path, device)
        same = sum(one.name == other.name.partition(" #")[0] for other in found)
        if same:
            one = replace(one, name=f"{one.name} #{same + 1}")
        found.append(one)
    return found


def pretraining_of(classifier: Path, facts: dict[str, Any]) -> Path | None:
    """Return the pretraining run that a classifier started from, if its folder records it.

    It is the `--from` of the command, or else a finished pretraining beside the run on the same
    dataset and split.

    Args:
        classifier: File of weights.
        facts: Metadata of the weights.
    """
    origin = facts.get("pretrained")
    if not isinstance(origin, dict):
        return None
    run = run_folder(classifier)
    if (named := _start_of(run)) is not None:
        return named
    for folder in sorted(run.parent.glob("*/"), key=lambda each: each.name):
        try:
            status = read_status(folder)
        except (ArtifactError, OSError):
            continue
        dataset = dataset_of(folder)
        if (
            status["stage"] == "pretrain"
            and status["state"] == "finished"
            and dataset is not None
            and dataset.fingerprint == origin.get("fingerprint")
        ):
            return folder
    return None


def _pretraining(
    file: Path, settings: PretrainConfig | FinetuneConfig, facts: dict[str, Any]
) -> PretrainConfig:
    if isinstance(settings, PretrainConfig):
        return settings
    raise MismatchError(
        f"{file} is a classifier: fine-tuning drops the decoder, which makes the frames (got "
        f"finetune, expected pretrain){_instead(file, facts)}"
    )


def _start_of(run: Path) -> Path | None:
    """Return the value of `--from` in command.txt, if it exists from here or beside the run."""
    try:
        words = shlex.split((run / "command.txt").read_text(encoding="utf-8").splitlines()[0])
        named = Path(words[words.index("--from") + 1])
    except (OSError, ValueError, IndexError, UnicodeDecodeError):
        return None
    places = (named, run.parent / named.name)
    return next((place for place in places if place.exists()), None)


def _instead(classifier: Path, facts: dict[str, Any]) -> str:
    found = pretraining_of(classifier, facts)
    if found is not None:
        return f": give the pretraining that it started from, {found}"
    origin = facts.get("pretrained")
    if isinstance(origin, dict) and origin.get("dataset"):
        return (
            f": give the pretraining that it started from (dataset {origin['dataset']}, step "
            f"{origin.get('step')})"
        )
    return ": give a run of `avme pretrain`"


def _name_of(given: Path, file: Path) -> str:
    """Return the name of the run, with the checkpoint if it was chosen; else that of the file."""
    run = run_folder(file).resolve()
    if not (run / "config.yaml").is_file() and not (run / "status.json").is_file():
        return run.name if given.is_dir() else file.stem
    return run.name if given.is_dir() else f"{run.name}, {file.stem}"
