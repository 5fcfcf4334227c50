"""Options of the commands on features, and what they choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from .. import options, paths, preflight

if TYPE_CHECKING:
    from avme.features.extract import FeatureOptions

FILE_SUFFIX: Final = ".h5"

Segments = Annotated[
    int | None,
    typer.Option(min=1, help="Windows per clip, whose features are averaged.", show_default="1"),
]
Batch = Annotated[
    int, typer.Option(min=1, help="Clips per batch.", rich_help_panel=options.MACHINE)
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Worker processes that load clips.", rich_help_panel=options.MACHINE),
]
StageOption = Annotated[
    Literal["visual", "audio", "fused"] | None,
    typer.Option(
        help="Encoder whose tokens are used: video, audio, or after the fusion.",
        show_default="the deepest one of CKPT",
    ),
]
PoolOption = Annotated[
    Literal["mean", "slots"] | None,
    typer.Option(help="Mean of all tokens, or of each time slot.", show_default="mean"),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Compute features again, and replace their file.")
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="CKPT",
        help="Run, checkpoint or weights; or a file of `avme embed`.",
    ),
]
Checkpoint = Annotated[Path, typer.Argument(metavar="CKPT", help="Run, checkpoint or weights.")]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="JSON file to write.", show_default="none")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """Options that all of these commands share."""

    ctx: typer.Context
    data: options.CheckpointData = None
    split: options.Split = None
    pool: PoolOption = None
    segments: Segments = None
    overwrite: Overwrite = False
    batch: Batch = 8
    device: options.Device = None
    precision: options.Precision = None
    workers: Workers = None

    def check(self, source: Path) -> None:
        """Check the arguments as far as possible without torch."""
        paths.checkpoint(source)
        if source.suffix != FILE_SUFFIX:
            preflight.require_weights(source)
            folder = paths.dataset(self.data) if self.data else paths.own_dataset(source)
            preflight.require_split(folder, self.split)
        preflight.require_device(self.device)

    def chosen(self, **more: Any) -> "FeatureOptions":
        """Return the options of the library."""
        from avme.features.extract import FeatureOptions

        return FeatureOptions(
            data=paths.dataset(self.data) if self.data else None,
            split=self.split,
            pool=self.pool,
            segments=self.segments,
            batch_size=self.batch,
            device=self.device or "auto",
            precision=self.precision or "auto",
            workers=self.workers,
            overwrite=self.overwrite,
            **more,
        )
