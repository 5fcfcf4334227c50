"""Files are written in pieces: order is checked, memory does not grow with the clips."""

import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from avme.features.extract import ClipFeatures
from avme.features.file import FACTS, read_features
from avme.features.writer import FeatureWriter
from avme.shards.dataset import ClipEntry

FACTS_OF_TEST: dict[str, Any] = {
    **{name: "" if kind is str else 0 for name, kind in FACTS.items()},
    "stage": "visual",
}


def entry(number: int, name: str = "clip") -> ClipEntry:
    return ClipEntry(
        id=f"{name} {number}",
        class_name="A",
        label=number % 2,
        group=f"g{number // 2}",
        num_frames=9,
        fps=Fraction(25),
        width=8,
        height=8,
        audio="none",
        shard="s",
        row=0,
    )


def chunk(begin: int, count: int, width: int = 4) -> ClipFeatures:
    clip = np.arange(begin, begin + count)
    rows = np.repeat(clip[:, None], width, axis=1).astype(np.float32)
    return ClipFeatures(clip, clip % 3 == 0, {"visual": rows})


def test_written_file_is_read_back(tmp_path: Path) -> None:
    entries = [entry(n, "Zürich") for n in range(5)]
    with h5py.File(tmp_path / "f.h5", "w") as file:
        writer = FeatureWriter(file, FACTS_OF_TEST, ["A", "Ö"], entries, ["train"] * 4 + ["test"])
        for begin, count in ((0, 2), (2, 2), (4, 1)):
            writer.add(chunk(begin, count))
        writer.close()

    table = read_features(tmp_path / "f.h5")

    assert table.id == tuple(f"Zürich {n}" for n in range(5))
    assert table.classes == ("A", "Ö")
    assert table.subset == ("train",) * 4 + ("test",)
    assert table.has_audio.tolist() == [True, False, False, True, False]
    np.testing.assert_array_equal(table.features[:, 1], np.arange(5.0))


def test_clips_out_of_order_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        writer = FeatureWriter(
            file, FACTS_OF_TEST, ["A"], [entry(n) for n in range(4)], ["train"] * 4
        )
        writer.add(chunk(0, 2))

        with pytest.raises(ValueError, match=r"clips \[3\] follow 2 others"):
            writer.add(chunk(3, 1))
        with pytest.raises(RuntimeError, match="2 of 4 clips"):
            writer.close()


def peak_bytes(path: Path, clips: int) -> int:
    """Return the peak of Python's and numpy's memory while writing, without names."""
    entries = [entry(n) for n in range(clips)]
    subsets = ["train"] * clips
    with h5py.File(path, "w") as file:
        writer = FeatureWriter(file, FACTS_OF_TEST, ["A"], entries, subsets)
        tracemalloc.start()
        for begin in range(0, clips, 8):
            writer.add(chunk(begin, 8, width=256))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        writer.close()
    return peak


@pytest.mark.slow
def test_memory_of_writing_is_flat_in_the_number_of_clips(tmp_path: Path) -> None:
    few, many = (peak_bytes(tmp_path / f"{n}.h5", n) for n in (160, 3200))

    assert (tmp_path / "3200.h5").stat().st_size > 3200 * 256 * 4
    assert many < few + 500_000  # the features of the larger file have 3.3 MB
