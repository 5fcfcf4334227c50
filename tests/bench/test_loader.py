"""The table of the loader: whoever is installed, with clips a second and a ratio."""

import pytest

from avme.bench.baselines import PEERS, find_baselines
from avme.bench.loader import LoaderBench, bench_loader
from avme.config import ClipConfig
from avme.errors import UsageError
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow


def run(prepared: PreparedDataset, **clip: int) -> LoaderBench:
    return bench_loader(
        prepared.folder,
        videos=None,
        against=list(PEERS),
        windows=4,
        rounds=2,
        report=NullReporter(),
        clip=ClipConfig.model_validate(
            {"num_frames": 4, "frame_stride": 2, "image_size": 32, **clip}
        ),
    )


@pytest.mark.slow
def test_bench_loader_lists_every_peer_or_names_it_as_absent(prepared: PreparedDataset) -> None:
    found = run(prepared)

    names = [row.name for row in found.rows]
    assert names == ["avme", *find_baselines(list(PEERS)).present, "avme with audio"]
    assert {*names[1:-1], *found.absent} == set(PEERS)
    assert (found.clips, found.width, found.height) == (3, 64, 48)  # not the one of 3 frames


def test_ratios_are_those_of_the_clips_a_second(prepared: PreparedDataset) -> None:
    rows = run(prepared).rows

    assert rows[0].ratio == 1
    for row in rows:
        assert row.ratio == pytest.approx(row.clips_per_second / rows[0].clips_per_second)
        assert 0 < row.slowest <= row.clips_per_second <= row.fastest
        assert row.wall_clips_per_second > 0


def test_clips_that_are_shorter_than_a_window_are_refused(prepared: PreparedDataset) -> None:
    with pytest.raises(UsageError, match="is as long as a window, 16 frames"):
        run(prepared, frame_stride=4)
