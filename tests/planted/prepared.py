"""Prepared datasets from arrays: frames and waveforms in memory, without ffmpeg.

Plan, shards, tables and manifest are written by the code of `avme prep`; only decoding is left out.

Shape letters: t frames, h and w pixels, c colors, n samples.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import simplejpeg
from jaxtyping import Int16, UInt8

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.config import PrepConfig
from avme.io.filenames import SHARDS
from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.decoded_clip import DecodedClip, summarize
from avme.media.ffmpeg.demux import AudioTrack, DemuxedClip
from avme.media.ffmpeg.process import find_ffmpeg
from avme.prep.plan import make_plan
from avme.prep.publish import publish
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.record import record_of
from avme.shards.writer import ShardWriter
from avme.sources.clip_table import SourceClip, Subset, build_clip_table
from avme.sources.splits import SourceResult, split_at

_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class ArrayClip:
    """Clip in memory."""

    class_name: str
    group: int
    """Number of the group in its class and subset."""
    number: int
    """Number in the group."""
    subset: Subset
    frames: UInt8[np.ndarray, "t h w c"]
    samples: Int16[np.ndarray, " n"] | None
    """Mono audio at 16 kHz from the first frame on; None for a clip without a track."""

    @property
    def source(self) -> SourceClip:
        """Return the clip as the source of a dataset would list it."""
        group = f"{self.class_name}/{self.subset}-g{self.group:02d}"
        clip_id = f"{group}-c{self.number:02d}.avi"
        return SourceClip(
            id=clip_id,
            path=Path(clip_id),
            class_name=self.class_name,
            group=group,
            subset=self.subset,
            num_bytes=self.frames.nbytes,
            mtime_ns=0,
        )

    @property
    def sha256(self) -> str:
        """Return the hash of the content."""
        samples = b"" if self.samples is None else self.samples.tobytes()
        return hashlib.sha256(self.frames.tobytes() + samples).hexdigest()


def write_dataset(folder: Path, clips: Sequence[ArrayClip], fps: int) -> PreparedDataset:
    """Write the dataset `folder` with split 1 by the clips' subsets; open it.

    Args:
        folder: Folder of the dataset.
        clips: Clips in any order.
        fps: Frame rate of all clips.
    """
    by_id = {clip.source.id: clip for clip in clips}
    table = build_clip_table([clip.source for clip in clips])
    split = split_at("1", table, table.indices_of("train"), table.indices_of("test"))
    config = PrepConfig(shard_clips=64)
    request = Request("folder", folder, out=folder.parent, name=folder.name, config=config)
    recipe = Recipe(
        ffmpeg=find_ffmpeg(),
        jpeg_quality=config.jpeg_quality,
        short_side=None,
        num_cepstra=config.num_cepstra,
        silence_dbfs=config.silence_dbfs,
        timeout_seconds=config.timeout_seconds,
    )
    plan = make_plan(request, SourceResult(table, (split,)), recipe, NullReporter())
    (folder / SHARDS).mkdir(parents=True)
    plan.write()
    for name, members in plan.shards.items():
        with ShardWriter(folder / "spool", config.num_cepstra) as shard:
            for source in members:
                clip = by_id[source.id]
                media = encode(clip, fps, recipe, shard)
                label = plan.classes.index(clip.class_name)
                shard.add(record_of(source, label, clip.sha256, media), media)
            shard.write(plan.shard_path(name))
    publish(plan, request, (split,), NullReporter())
    return PreparedDataset.open(folder)


def encode(clip: ArrayClip, fps: int, recipe: Recipe, shard: ShardWriter) -> DecodedClip:
    """Write the JPEGs to the shard's spool; return the clip as decoding would.

    Args:
        clip: Clip in memory.
        fps: Its frame rate.
        recipe: Settings of decoding.
        shard: Shard that the clip will be added to.
    """
    sizes = [shard.spool.write(jpeg) for jpeg in _jpegs(clip.frames)]
    count, height, width, _ = clip.frames.shape
    rate, samples = Fraction(fps), clip.samples
    info = MediaInfo(
        stream=0,
        codec="rawvideo",
        width=width,
        height=height,
        fps=rate,
        time_base=1 / rate,
        num_frames_from_header=count,
        start_seconds=0.0,
        audio=None
        if samples is None
        else AudioInfo(1, "pcm_s16le", SAMPLE_RATE_HZ, channels=1, start_seconds=0.0),
    )
    demuxed = DemuxedClip(
        jpeg_bytes=np.array(sizes, dtype=np.int64),
        pts=np.arange(count) / fps,
        average_fps=rate,
        median_fps=rate,
        audio=None if samples is None else AudioTrack(samples, start_seconds=0.0),
    )
    return summarize(info, (width, height), demuxed, None, "", recipe)


def _jpegs(frames: UInt8[np.ndarray, "t h w c"]) -> Iterable[bytes]:
    for frame in frames:
        yield simplejpeg.encode_jpeg(
            np.ascontiguousarray(frame), _JPEG_QUALITY, colorsubsampling="444"
        )
