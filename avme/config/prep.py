"""Settings of `avme prep`.

`content` returns those that affect the content of shards: a dataset prepared with others does not
match. The rest only affect how the work is done.
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
        "max_failed",
        "slurm",
    }
)


class PrepConfig(Settings):
    """Decoding of videos and writing of shards."""

    jpeg_quality: Annotated[int, Field(ge=2, le=31)] = 3
    """ffmpeg's -q:v: 2 is best, 31 worst; 3 gives about 38 dB."""
    short_side: Annotated[int, Field(ge=16, le=65_536)] | None = None
    """Short side of the stored frames in pixels; larger frames are downscaled. none keeps their
    size."""
    num_cepstra: Annotated[int, Field(ge=1, le=26)] = 13
    """Cepstral coefficients per MFCC row."""
    silence_dbfs: Annotated[float, Field(ge=-1000.0, le=0.0)] = -60.0
    """Audio with a root mean square below this level is silent."""
    keep_audio: bool = True
    """Store the audio of audible clips at 16 kHz, for evaluations that change it; the MFCC are the
    same without."""
    max_seconds: Annotated[float, Field(gt=0.0, le=1e9)] = 3600.0
    """Maximum length of a clip; longer ones are quarantined. `avme prep csv` cuts segments out of
    them."""
    min_decoded_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Minimum fraction of the frames and seconds in the header that must decode; otherwise the clip
    is quarantined."""
    hdr: Literal["keep", "tonemap"] = "keep"
    """HDR video (PQ, HLG): keep stores its curve and primaries, tonemap converts to BT.709; both
    give a warning. tonemap needs an ffmpeg with the filters zscale and tonemap."""
    untagged_hd: Literal["bt601", "bt709"] = "bt601"
    """Matrix of HD video (from 720 lines or 1280 columns on) without a tag: bt601 as swscale
    assumes, bt709 as players do; both give a warning."""
    shard_clips: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Clips per shard; none is 128, or fewer for a small dataset so that all cores have work."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    """Fraction of the groups in the test list where `prep folder` draws the split."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] = 0
    """Seed of that draw."""
    num_workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of processes; none is one per core."""
    timeout_seconds: Annotated[float, Field(gt=0.0, le=1e9)] = 600.0
    """Maximum time per clip; longer ones are quarantined."""
    max_clip_gb: Annotated[float, Field(gt=0.0, le=1e6)] = 16.0
    """Maximum temporary disk space for the frames of one clip; larger ones are quarantined."""
    memory_mb: Annotated[int, Field(ge=1024, le=10**9)] = 3072
    """Maximum memory for decoding one clip; larger ones are quarantined."""
    dask_timeout_seconds: Annotated[float, Field(ge=1.0, le=1e9)] = 300.0
    """Maximum time that `--dask` waits for a worker when none is left; then prep ends with exit
    code 6."""
    max_failed: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Maximum fraction of clips that may be quarantined, at least one clip; beyond it prep ends
    with exit code 3."""

    slurm: SlurmConfig = SlurmConfig()
    """Resources that `--slurm` requests."""

    def limits(self) -> dict[str, Any]:
        """Return the settings that limit clips and the number of failed ones."""
        return self.model_dump(
            mode="json", include={"max_failed", "timeout_seconds", "max_clip_gb", "memory_mb"}
        )

    def content(self) -> dict[str, Any]:
        """Return the settings that affect the content of shards."""
        return self.model_dump(mode="json", exclude=set(_HOW_ONLY))
