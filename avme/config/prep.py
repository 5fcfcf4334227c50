"""Settings of `avme prep`.

`content` names those that decide what is inside the shards: when one of them changes, an existing
set no longer matches. The others say only how the work is done.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from avme.config.base import Settings
from avme.config.slurm import SlurmConfig

_HOW_ONLY = frozenset(
    {
        "num_workers",
        "timeout_seconds",
        "max_clip_gb",
        "memory_mb",
        "dask_timeout_seconds",
        "max_bad",
        "slurm",
    }
)


class PrepConfig(Settings):
    """From videos to shards."""

    jpeg_quality: Annotated[int, Field(ge=2, le=31)] = 3
    """ffmpeg's -q:v: 2 is best, 31 worst; 3 gives about 38 dB."""
    short_side: Annotated[int, Field(ge=16, le=65_536)] | None = None
    """Shrink pictures so that their short side has this many pixels; none keeps their size."""
    num_cepstra: Annotated[int, Field(ge=1, le=26)] = 13
    """Cepstral coefficients per MFCC row."""
    silence_dbfs: Annotated[float, Field(ge=-1000.0, le=0.0)] = -60.0
    """A sound track whose root mean square lies below this level counts as silent."""
    max_seconds: Annotated[float, Field(gt=0.0, le=1e9)] = 3600.0
    """A longer clip is quarantined; `avme prep csv` takes cuts of it."""
    min_decoded: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """A clip is quarantined if less than this share of the header's frames and seconds is there."""
    hdr: Literal["keep", "tonemap"] = "keep"
    """HDR video (PQ, HLG): keep stores its curve and primaries, tonemap converts to BT.709; either
    is remarked. tonemap needs an ffmpeg with the filters zscale and tonemap."""
    untagged_hd: Literal["bt601", "bt709"] = "bt601"
    """How HD video (from 720 lines or 1280 columns on) without a tagged matrix is read: bt601 as
    swscale does, bt709 as players do; either is remarked."""
    shard_clips: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Clips per shard; none takes 128, or fewer for small sets so that all cores have work."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    """Share of groups that `prep folder` puts into the test list when no split is given."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] = 0
    """Seed of that choice."""
    num_workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Processes; none takes one per core."""
    timeout_seconds: Annotated[float, Field(gt=0.0, le=1e9)] = 600.0
    """A clip that takes longer is quarantined."""
    max_clip_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 16.0
    """Disk that the pictures of one clip may take; a clip that needs more is quarantined."""
    memory_mb: Annotated[int, Field(ge=1024, le=10**9)] = 3072
    """Memory that reading or decoding one clip may take; a clip that needs more is quarantined."""
    dask_timeout_seconds: Annotated[float, Field(ge=1.0, le=1e9)] = 300.0
    """How long `--dask` waits for a worker where none is left; then prep ends with code 6."""
    max_bad: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Share of clips that may be quarantined (one always may); beyond it prep ends with code 3."""

    slurm: SlurmConfig = SlurmConfig()
    """What `--slurm` asks for."""

    def limits(self) -> dict[str, Any]:
        """Return the settings that limit clips and the number of failed ones."""
        return self.model_dump(
            mode="json", include={"max_bad", "timeout_seconds", "max_clip_gb", "memory_mb"}
        )

    def content(self) -> dict[str, Any]:
        """Return the settings that affect the content of shards."""
        return self.model_dump(mode="json", exclude=set(_HOW_ONLY))
