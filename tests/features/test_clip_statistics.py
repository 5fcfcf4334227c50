"""Statistics of clips are those of their frames and MFCC rows."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avme.data.temporal_sampling import Window
from avme.features.clip_statistics import (
    color_statistics,
    mfcc_statistics,
    read_statistics,
    scale_factor,
    spread_frames,
)
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.reader import ShardReader


def test_spread_frames_are_the_middles_of_equal_parts() -> None:
    assert spread_frames(80) == [5, 15, 25, 35, 45, 55, 65, 75]
    assert spread_frames(9) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert spread_frames(3) == [0, 1, 2]
    assert spread_frames(1) == [0]


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(240, 320, 8), (64, 64, 8), (48, 63, 4), (16, 99, 2), (8, 8, 1)]
)
def test_scale_factor_leaves_two_pixels_a_cell(height: int, width: int, factor: int) -> None:
    assert scale_factor(height, width) == factor


def test_color_statistics_equal_means_of_blocks() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 12), dtype=np.uint8)

    found = color_statistics(torch.from_numpy(frames)).numpy()

    cells = frames.reshape(5, 3, 4, 2, 4, 3).mean(axis=(3, 5)).reshape(5, 48) / 255.0
    expected = np.concatenate([cells.mean(axis=0), cells.std(axis=0)])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_color_statistics_of_one_frame_have_no_deviation() -> None:
    found = color_statistics(torch.full((1, 3, 2, 2), 51, dtype=torch.uint8))

    np.testing.assert_allclose(found.numpy(), [0.2] * 48 + [0.0] * 48, atol=1e-7)


def test_mfcc_statistics_are_those_of_valid_rows() -> None:
    rows = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    valid = torch.arange(10) >= 4

    found = mfcc_statistics(rows, valid).numpy()

    kept = rows.numpy()[4:]
    expected = [*kept.mean(axis=0), *kept.std(axis=0), 1.0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_mfcc_statistics_without_valid_row_are_unknown() -> None:
    found = mfcc_statistics(torch.zeros(3, 2), torch.zeros(3, dtype=torch.bool)).numpy()

    np.testing.assert_array_equal(found, [np.nan] * 4 + [0.0])


@pytest.mark.slow
def test_read_statistics_equal_those_of_whole_frames(
    finished: PreparedDataset, tmp_path: Path
) -> None:
    entries = finished.subset("1", "train")

    found = read_statistics(finished, entries, NullReporter())

    assert (found.color.shape, found.mfcc.shape) == ((len(entries), 96), (len(entries), 27))
    for entry in entries:
        row = found.row[entry.id]
        shard = ShardReader(finished.shard_path(entry))
        cells = []
        for number, file in enumerate(shard.frames(entry.row, spread_frames(entry.num_frames))):
            path = tmp_path / f"{number}.jpg"
            path.write_bytes(file.tobytes())
            with Image.open(path) as image:
                whole = np.asarray(image) / 255.0
            cells.append(whole.reshape(4, 8, 4, 12, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel())
        # of saturated patterns: libjpeg averages before it clips to 0 and 255
        error = found.color[row] - np.concatenate([np.mean(cells, axis=0), np.std(cells, axis=0)])
        assert np.abs(error).max() < 0.1
        assert np.abs(error).mean() < 0.02
        rows, valid = shard.mfcc(entry.row, *Window(0, entry.num_frames, 1).rows())
        assert found.mfcc[row, -1] == valid.any() == entry.has_audio
        if entry.has_audio:
            expected = [rows[valid].mean(axis=0), rows[valid].std(axis=0)]
            np.testing.assert_allclose(found.mfcc[row, :-1], np.concatenate(expected), rtol=1e-4)
        else:
            assert np.isnan(found.mfcc[row, :-1]).all()
