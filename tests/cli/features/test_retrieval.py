"""`avme retrieval` prints recalls beside those of random ranks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from avme.evaluation.intervals import Groups, Interval
from avme.features.file import read_features
from avme.features.retrieval import Ranks, RetrievalResult
from avme.stages.features.retrieval import RecallRow, RetrievalReport
from avme_cli.app import app
from avme_cli.features.retrieval import print_retrieval


def test_recalls_are_printed_with_chance(
    tmp_path: Path, write_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_file(tmp_path / "f.h5", np.eye(2), [0, 1], ["train", "test"])
    ranks = Ranks(np.arange(1, 21), np.arange(1, 21))
    interval = Interval(0.0, 0.2, 1.0)
    row = RecallRow(
        "learned",
        "video to audio",
        {1: 0.05, 5: 0.25, 10: 0.5},
        dict.fromkeys((1, 5, 10), interval),
    )

    print_retrieval(
        RetrievalReport(
            table=read_features(path),
            found=RetrievalResult(mapped=ranks, unmapped=None, ridge=0.1, held_out=4),
            rows=(row,),
            num_train=30,
            num_test=20,
            left_out=(0, 0),
            groups=Groups([str(n) for n in range(20)]),
            signature="avme 1|retrieval",
        )
    )

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "visual and audio features (mean), split 1: 30 train, 20 test clips"
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines[4:7]]
    assert cells == [
        ["learned on train", "video to audio", "R@1", "5.00 %", "0.0 to 20.0", "5.00 %"],
        ["learned on train", "video to audio", "R@5", "25.00 %", "0.0 to 20.0", "25.00 %"],
        ["learned on train", "video to audio", "R@10", "50.00 %", "0.0 to 20.0", "50.00 %"],
    ]
    assert lines[-3] == "20 candidates; ridge 0.1"
    assert lines[-2:] == ["intervals: bootstrap over 20 clips", "avme 1|retrieval"]


def test_retrieval_of_a_file_of_features_is_refused(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    path = write_file(tmp_path / "f.h5", np.eye(2), [0, 1], ["train", "test"])

    result = CliRunner().invoke(app, ["retrieval", str(path)])

    assert result.exit_code == 2
    assert "retrieval needs a checkpoint" in result.stderr
