"""The best epoch of a run is used, and whoever gets the last one instead is told."""

from pathlib import Path

import pytest

from avme.checkpoint.run_weights import find_weights, warn_of_last_epoch
from avme.errors import ArtifactError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def write(run: Path, *names: str) -> list[Path]:
    files = [run / name for name in names]
    for file in files:
        file.touch()
    return files


def test_find_weights_prefers_best_then_last_then_the_exported_file(run: Path) -> None:
    best, last, exported = write(
        run, "checkpoints/best.pt", "checkpoints/last.pt", "weights.safetensors"
    )

    for file in (best, last, exported):
        assert find_weights(run) == file
        file.unlink()
    with pytest.raises(ArtifactError, match=r"holds no checkpoint: expected .*best\.pt"):
        find_weights(run)


def test_warn_of_last_epoch_names_the_missing_file_the_epoch_and_what_has_it(run: Path) -> None:
    (last,) = write(run, "checkpoints/last.pt")

    (alone,) = warn_of_last_epoch(run, last, {"best": {"epoch": 3.0, "top1": 0.5}})
    (weights,) = write(run, "weights.safetensors")
    earlier, said = warn_of_last_epoch(run, last, {"best": {"epoch": 3.0}}, ("earlier",))

    assert alone == (
        f"warning: {run}/checkpoints/best.pt is missing, so that the last epoch is used instead of "
        "the best by validation, epoch 3"
    )
    assert (earlier, said) == ("earlier", f"{alone}: {weights} has it")


def test_warn_of_last_epoch_where_none_is_better_says_nothing(run: Path) -> None:
    best, last = run / "checkpoints" / "best.pt", run / "checkpoints" / "last.pt"

    assert warn_of_last_epoch(run, last, {"best": {}}) == ()  # no validation list
    assert warn_of_last_epoch(run, last, {}) == ()  # pretraining
    assert warn_of_last_epoch(run, best, {"best": {"epoch": 3.0}}) == ()
