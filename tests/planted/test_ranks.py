"""The controls give the same results on any number of processes, for an odd number of clips."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from tests.planted.prepared import write_dataset
from tests.planted.truths import FPS, SetSize, xor_clips

pytestmark = pytest.mark.slow
EVALUATE = """
import sys
from pathlib import Path
from avme.config import EvalConfig
from avme.stages.evaluate import evaluate
config = EvalConfig(topk=(1,), segments=2, num_workers=0, device="cpu", controls=True)
evaluate(Path(sys.argv[1]), data=Path(sys.argv[2]), config=config, out=Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """Seven test clips in four groups."""
    clips = xor_clips(1, SetSize(train_groups=1, test_groups=2, clips=2))
    return write_dataset(tmp_path_factory.mktemp("odd") / "odd", clips[:-1], FPS)


def test_controls_on_1_2_and_3_processes_give_the_same_files(
    odd: PreparedDataset,
    trained: Callable[[str], Path],
    run_ranks: Callable[..., None],
    tmp_path: Path,
) -> None:
    assert len(odd.subset("1", "test")) == 7
    folders = {world: tmp_path / str(world) for world in (1, 2, 3)}

    for world, folder in folders.items():
        run_ranks(world, EVALUATE, str(trained("xor")), str(odd.folder), str(folder))

    summaries, controls = (
        {world: read_json(folder / name) for world, folder in folders.items()}
        for name in ("summary.json", "controls.json")
    )
    assert summaries[1]["n"] == 7
    for world in (2, 3):
        assert _rounded(summaries[world]) == _rounded(summaries[1])
        assert _rounded(controls[world]) == _rounded(controls[1])


def _rounded(value: object) -> object:
    """Return the value with 6 digits: the last bits depend on the number of clips in a batch."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
