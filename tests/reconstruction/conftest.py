"""Masked clips, tiny autoencoders and clips of noise for tests of reconstructions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from avme.config import ClipConfig, PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import Grid, TubeMask
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import AUDIO_VERSIONS, AudioVersion, ClipInput, Rows, Track
from avme.reconstruction.comparison import Comparison, Panel
from avme.reconstruction.masked_clip import MaskedClip

GRID = Grid(slots=2, rows=4, columns=5)
TUBELET, PATCH = 2, 6


@pytest.fixture(scope="session")
def masked_clip() -> Callable[..., MaskedClip]:
    """Makes a clip of noise with a tube mask, or with the hidden tokens that are given."""

    def make(
        *, grid: Grid = GRID, ratio: float = 0.7, hide: Tensor | None = None, seed: int = 0
    ) -> MaskedClip:
        draw = torch.Generator().manual_seed(seed)
        tubelets = torch.rand(grid.tokens, TUBELET * PATCH**2 * 3, generator=draw)
        if hide is None:
            hide = TubeMask(grid, ratio)(torch.tensor([seed])).hide[0]
        keep = torch.tensor([n for n in range(grid.tokens) if n not in set(hide.tolist())])
        return MaskedClip(
            tubelets=tubelets,
            keep=keep,
            hide=hide,
            grid=grid,
            tubelet_size=TUBELET,
            patch_size=PATCH,
        )

    return make


CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=32)


@pytest.fixture(scope="session")
def make_autoencoder() -> Callable[..., Autoencoder]:
    """Makes a tiny untrained autoencoder; keywords change `model`, `loss` and `clip`."""

    def make(
        name: str = "ours",
        *,
        fusion: str = "cross-attention",
        target: str = "normalized",
        patch: int = 8,
        ratio: float = 0.75,
    ) -> Autoencoder:
        settings = PretrainConfig.model_validate(
            {
                "clip": CLIP.model_dump(),
                "model": {
                    "visual": {"dim": 32, "depth": 1, "heads": 4, "patch_size": patch},
                    "audio": {"widths": (8, 8, 8, 16), "blocks": (1, 1, 1, 1)},
                    "fusion": {"heads": 4, "kind": fusion},
                    "decoder": {"dim": 16, "depth": 1, "heads": 2},
                },
                "loss": {"target": target},
                "mask": {"ratio": ratio},
            }
        )
        torch.manual_seed(0)
        network = MaskedAutoencoder(settings.model, settings.clip).eval()
        torch.nn.init.normal_(network.decoder.bridge.weight, std=0.3)  # audio has an effect
        return Autoencoder(
            name=name,
            file=Path(name, "checkpoints", "last.pt"),
            step=1,
            network=network,
            settings=settings,
            folder=Path(name, "reconstructions"),
            mfcc={"mean": 13 * [0.0], "deviation": 13 * [1.0]},
        )

    return make


class NoiseClips:
    """Clips of random frames and audio."""

    title, file_name = "noise", "noise"
    warnings: Sequence[str] = ()

    def __init__(self, count: int = 1, versions: Sequence[AudioVersion] = AUDIO_VERSIONS) -> None:
        self.count, self.versions = count, versions

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        clip, draw = model.settings.clip, np.random.default_rng(index)
        shape = (3, clip.num_frames, clip.image_size, clip.image_size)
        audio: dict[AudioVersion, Rows] = {}
        for version in self.versions:
            valid = torch.full((clip.span_rows,), version != "null")
            mfcc = torch.from_numpy(draw.normal(size=(clip.span_rows, 13))).float()
            audio[version] = (mfcc * valid[:, None], valid)
        return ClipInput(
            name=f"clip {index}",
            detail="noise",
            video=torch.from_numpy(draw.integers(0, 256, shape, dtype=np.uint8)),
            audio=audio,
            seconds_per_frame=0.08,
            track=Track(draw.integers(-9000, 9000, 5120, dtype=np.int16), 16_000),
        )


@pytest.fixture(scope="session")
def noise_clips() -> type[NoiseClips]:
    """Source of clips of noise."""
    return NoiseClips


@pytest.fixture(scope="session")
def panel(make_autoencoder: Callable[..., Autoencoder]) -> Panel:
    """Clip of noise, completed by two models."""
    models = [make_autoencoder(), make_autoencoder("videomae", fusion="none", target="pixel")]
    (made,) = Comparison(models).panels(NoiseClips(), 0)
    return made
