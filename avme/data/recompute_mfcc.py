"""MFCC of a clip's rows, recomputed from samples: those of the shard, or others in their place.

Shape letters: n samples, s MFCC rows, f cepstra.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float32, Int16

from avme.audio.mfcc import ROW_GROUP, SAMPLE_RATE_HZ, mfcc_rows, row_starts, window_seconds
from avme.shards.reader import ShardReader


def recompute_mfcc(
    reader: ShardReader,
    row: int,
    rows: tuple[int, int],
    fps: Fraction,
    samples: Int16[np.ndarray, " n"],
    start_seconds: float,
) -> tuple[Float32[np.ndarray, "s f"], Bool[np.ndarray, " s"]]:
    """Return MFCC rows of a clip as `ShardReader.mfcc` does, computed from samples.

    From the clip's own samples they are equal to the stored ones to the last bit, on one machine.
    Rows that are valid in the shard are computed, also where the samples do not reach them.

    Args:
        reader: Shard.
        row: Row of the clip.
        rows: Half-open range of MFCC rows, which may exceed the clip.
        fps: Frame rate of the clip.
        samples: Audio at 16 kHz.
        start_seconds: Time of its first sample after the first frame.

    Returns:
        The rows, zero where not valid, and a mask of the rows that have audio in the shard.
    """
    begin, end = rows
    first, last = reader.mfcc_range(row)
    first, last = max(begin, first), min(end, last)
    mfcc = np.zeros((end - begin, reader.num_cepstra), dtype=np.float32)
    valid = np.zeros(end - begin, dtype=np.bool_)
    if first < last:
        starts = row_starts(reader.pts(row), fps, reader.last_seconds(row)) - start_seconds
        aligned = first - first % ROW_GROUP
        computed = mfcc_rows(
            samples, SAMPLE_RATE_HZ, starts[aligned:last], window_seconds(fps), reader.num_cepstra
        )
        mfcc[first - begin : last - begin] = computed[first - aligned :]
        valid[first - begin : last - begin] = True
    return mfcc, valid
