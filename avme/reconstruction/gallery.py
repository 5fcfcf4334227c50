"""Figure of one pretraining, of the same clips each time: original, visible tokens, prediction.

As in VideoMAE's figures, the reconstruction shows visible patches unchanged and masked ones as
predicted. PSNR is over masked patches only, beside that of free baselines.

Shape letters: b clips, m masked tokens, p pixels of a tubelet, t frames, h and w pixels, c colors.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

from avme.batch import AVBatch
from avme.checkpoint.file import Checkpoint, find_checkpoint
from avme.config import PretrainConfig
from avme.data.clip_reader import ClipReader, Statistics
from avme.data.dataset import collate
from avme.data.eval_dataset import EvalDataset
from avme.data.protocol import donor_reader, select_clips, view_audio
from avme.errors import MismatchError
from avme.figures.drawing import draw_or_warn
from avme.figures.reconstruction import Cell, ClipRow, draw_reconstruction
from avme.models.autoencoder import MaskedAutoencoder, ReconstructionImages, reconstruct
from avme.models.masking import TokenMask, TubeMask
from avme.progress import NullReporter, Reporter
from avme.reconstruction.baseline_note import describe_baselines, describe_flat
from avme.reconstruction.masked_clip import MaskedClip, masked_clips
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.train.distributed.process_group import pick_device
from avme.train.run.checkpoint_compat import build_on_meta, require_fitting_weights
from avme.train.run.lookup import run_folder
from avme.weights.trained_model import load_trained, settings_in

COLUMNS = ("truth", "seen by the model", "reconstruction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Rows of a figure, one per clip."""

    rows: list[ClipRow]
    note: str
    """Text below the rows."""
    psnr_db: float
    """Mean over the clips, on masked patches."""


@dataclass(frozen=True, slots=True)
class ListedClips:
    """List from which the clips of a figure were chosen."""

    dataset: str
    split: str
    part: str
    num_clips: int

    def title(self, drawn: Drawn, run: str, step: int) -> str:
        """Return the title: dataset, number of clips, figure and run, in two lines.

        Args:
            drawn: Rows of the figure.
            run: Name of the run.
            step: Number of steps done.
        """
        where = f"{self.dataset}, split {self.split}, {self.part}"
        return (
            f"{where}: PSNR {drawn.psnr_db:.1f} dB, mean of n = {len(drawn.rows)} of "
            f"{self.num_clips} clips\n{run} at step {step}"
        )


class ReconstructionGrid:
    """Fixed clips with fixed masks, reconstructed repeatedly during training.

    `donors` reads the clips whose audio the protocol gives to others, if it does.
    """

    def __init__(
        self,
        prepared: PreparedDataset,
        entries: Sequence[ClipEntry],
        mfcc: Statistics,
        seed: int,
        donors: ClipReader | None = None,
    ) -> None:
        self.entries, self.seed = tuple(entries), seed
        self._reader, self._donors = ClipReader(prepared, self.entries, mfcc), donors
        self._batch: AVBatch | None = None

    def draw(
        self, model: MaskedAutoencoder, config: PretrainConfig, device: torch.device, frames: int
    ) -> Drawn:
        """Reconstruct every clip; the model's mode is restored.

        Args:
            model: Autoencoder.
            config: Settings of the pretraining.
            device: Device of the model.
            frames: Frames shown per clip.
        """
        mask = TubeMask(model.grid, config.mask.ratio)
        choice = mask(self.seed + torch.arange(len(self.entries))).to(device)
        batch = self._clips(config).to(device)
        was_training = model.training
        with torch.compiler.set_stance("force_eager"):  # compiling is too slow for a few clips
            made = reconstruct(model.eval(), batch, choice, config.loss.target)
        model.train(was_training)
        note = (
            f"{mask.effective_ratio:.0%} of every frame is hidden; PSNR is over hidden patches "
            f"alone.\n{describe_baselines(self._masked(model, choice, config))}"
        )
        if config.loss.target == "normalized":
            note = f"{note}\n{describe_flat(self._masked(model, choice, config))}"
        rows = _rows(self.entries, made, frames)
        return Drawn(rows=rows, note=note, psnr_db=float(np.mean(made.psnr_db)))

    def _masked(
        self, model: MaskedAutoencoder, choice: TokenMask, config: PretrainConfig
    ) -> list[MaskedClip]:
        visual = config.model.visual
        choice = choice.to(torch.device("cpu"))
        video = self._clips(config).video
        return masked_clips(video, choice, model.grid, visual.tubelet_size, visual.patch_size)

    def _clips(self, config: PretrainConfig) -> AVBatch:
        if self._batch is None:
            audio = view_audio(config.train.protocol, self._reader, self._donors)
            windows = EvalDataset(self._reader, config.clip, 1, 1, audio=audio)
            self._batch = collate([windows[n].part(slice(1)) for n in range(len(self.entries))])
        return self._batch


def draw_reconstructions(
    checkpoint: Path,
    data: Path,
    out: Path,
    *,
    clips: int = 4,
    frames: int = 4,
    seed: int = 0,
    report: Reporter | None = None,
) -> Path | None:
    """Write a PNG of clips of the test list; None if drawing failed, which is reported.

    Args:
        checkpoint: Pretraining run or one of its files.
        data: Prepared dataset.
        out: File to write.
        clips: Number of clips.
        frames: Frames shown per clip.
        seed: Chooses the clips and their masks.
        report: Receives warnings.

    Raises:
        ArtifactError: Checkpoint or dataset are missing.
        MismatchError: The checkpoint is a classifier.
    """
    loaded, config = _load(checkpoint)
    prepared = PreparedDataset.open(data)
    split, protocol, mfcc = config.clip.split, config.train.protocol, loaded.facts["mfcc"]
    listed = prepared.subset(split, "test")
    tested = select_clips(protocol, listed, f"{data}, split {split}, test")
    entries = choose_clips(tested, clips, seed)
    device = pick_device(config.train.device)
    model = MaskedAutoencoder(config.model, config.clip).to(device)
    model.load_state_dict(loaded.weights)
    donors = donor_reader(protocol, prepared, split, mfcc)
    drawn = ReconstructionGrid(prepared, entries, mfcc, seed, donors).draw(
        model, config, device, frames
    )
    shown = ListedClips(prepared.name, split, "test", len(tested))
    title = shown.title(
        drawn, run_folder(find_checkpoint(checkpoint, "last")).resolve().name, loaded.step
    )

    def draw(path: Path) -> None:
        draw_reconstruction(path, drawn.rows, COLUMNS, drawn.note, title)

    return out if draw_or_warn(out, draw, report or NullReporter()) else None


def choose_clips(entries: Sequence[ClipEntry], count: int, seed: int) -> tuple[ClipEntry, ...]:
    """Choose clips at random, of as many classes as possible, sorted by id.

    Args:
        entries: Clips of the list.
        count: Number of clips.
        seed: Seed.
    """
    turns: Counter[str] = Counter()
    lots: list[tuple[int, int, int]] = []
    for lot, index in enumerate(np.random.default_rng(seed).permutation(len(entries)).tolist()):
        name = entries[index].class_name
        lots.append((turns[name], lot, index))
        turns[name] += 1
    chosen = [entries[index] for _, _, index in sorted(lots)[:count]]
    return tuple(sorted(chosen, key=lambda entry: entry.id))


def _load(checkpoint: Path) -> tuple[Checkpoint, PretrainConfig]:
    path = find_checkpoint(checkpoint, "last")
    loaded = load_trained(path)
    if loaded.stage != "pretrain":
        raise MismatchError(
            f"{path} is a {loaded.stage} checkpoint, which has no decoder: give a pretrain run"
        )
    config = cast(PretrainConfig, settings_in(loaded, path))
    model = build_on_meta(lambda: MaskedAutoencoder(config.model, config.clip))
    require_fitting_weights(path, loaded.weights, model)
    return loaded, config


def _rows(
    entries: Sequence[ClipEntry], made: ReconstructionImages, num_frames: int
) -> list[ClipRow]:
    shown = np.linspace(0, made.truth.shape[2] - 1, num_frames).round().astype(int).tolist()
    rows = []
    for index, entry in enumerate(entries):
        captions = ("", "", f"{made.psnr_db[index]:.1f} dB")
        versions = (made.truth, made.seen, made.completed)
        cells = tuple(
            Cell(_as_bytes(version[index][:, shown]), caption)
            for version, caption in zip(versions, captions, strict=True)
        )
        rows.append(ClipRow(entry.class_name, cells))
    return rows


def _as_bytes(clip: Float[Tensor, "c t h w"]) -> UInt8[np.ndarray, "t h w c"]:
    pixels = (255.0 * rearrange(clip, "c t h w -> t h w c")).round()
    return pixels.to("cpu", torch.uint8).numpy()
