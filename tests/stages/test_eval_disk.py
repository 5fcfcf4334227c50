"""`evaluate` on a disk that is full: found before scoring, and what was scored is told before."""

import errno
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme_cli.app import app

pytestmark = pytest.mark.slow


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Inside, writing more fails with EFBIG, as on a full disk it does with ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def arguments(run: Path, prepared: PreparedDataset, out: Path) -> list[str]:
    where = ["--data", str(prepared.folder), "--out", str(out)]
    return ["eval", str(run), *where, "--workers", "0", "--topk", "1"]


def test_evaluate_on_full_disk_is_refused_before_scoring(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    out = tmp_path / "not" / "yet"

    with largest_file(50_000):
        done = CliRunner().invoke(app, arguments(finetuned, finished, out), prog_name="avme")

    assert (done.exit_code, done.stdout) == (6, "")
    assert done.stderr.startswith(f"error: {out} cannot be written (File too large): make room")
    assert done.stderr.endswith("or name another folder with --out\n")
    assert list(tmp_path.iterdir()) == []


def test_scores_are_printed_before_they_are_written(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.evaluation.results.write_json", full)

    done = CliRunner().invoke(app, arguments(finetuned, finished, tmp_path / "e"), prog_name="avme")

    assert done.exit_code == 6
    assert "all clips" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("make room and repeat")


def test_results_that_find_no_room_leave_nothing_in_the_way_of_the_same_command(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "eval"

    with monkeypatch.context() as patch:
        patch.setattr("avme.evaluation.results.write_json", full)
        with pytest.raises(OSError, match="No space left"):
            evaluate(finetuned, data=finished.folder, out=out)

    assert not out.exists()
    evaluate(finetuned, data=finished.folder, out=out)
    assert (out / "summary.json").is_file()
