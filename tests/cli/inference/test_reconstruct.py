"""`avme reconstruct` tells checkpoints from videos, and prints a table and files."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from avme.shards.dataset import PreparedDataset
from avme_cli.app import app

pytestmark = pytest.mark.slow


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["reconstruct", *map(str, args)])


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished run without its checkpoints."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "status.json").write_text('{"stage": "pretrain", "state": "finished"}')
    return folder


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["video.mp4"], "video.mp4 is no checkpoint: give a pretrain run before the video"),
        (["RUN", "none.mp4"], "none.mp4 does not exist, expected a video"),
        (["RUN", "https://host/video.mp4"], "addresses are not read"),
        (["RUN", "video.mp4", "--data", "pets"], "video.mp4 and --data pets exclude each other"),
        (["RUN", "video.mp4", "--split", "1"], "--split is of a dataset (got the video"),
        (["RUN", "--start", "3"], "--start is the window of a video: give a FILE"),
        (["RUN", "video.mp4", "--mask", "1"], "--mask 1.0: expected a number between 0 and 1"),
        (["RUN", "video.mp4", "--start", "inf"], "--start inf: expected a number of seconds"),
        (["RUN", "video.mp4", "--clips", "0"], "'--clips': Input should be greater than"),
        (["video.mp4", "RUN"], "video.mp4 is no checkpoint: give one video, after the pretrain"),
        (["RUN", "video.mp4", "video.mp4"], "give one video, after the pretrain runs"),
        (["none.pt", "video.mp4"], "none.pt does not exist, expected a checkpoint"),
    ],
)
def test_reconstruct_of_arguments_that_contradict_is_refused(
    args: list[str], said: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_folder.parent)
    Path("video.mp4").write_text("not read here")

    result = run(*("run" if word == "RUN" else word for word in args))

    assert result.exit_code == 2
    assert said in result.stderr


def test_reconstruct_of_a_video_prints_scores_and_files(
    pretrained: Path, videos: Path, tmp_path: Path
) -> None:
    ours = Path(shutil.copytree(pretrained, tmp_path / "runs" / "ours"))
    video = videos / "Archery" / "v_Archery_g01_c01.avi"

    result = run(ours, pretrained, video, "--device", "cpu")

    assert result.exit_code == 0, result.stderr
    for name in ("ours", "pretrain", "flat", "mean color of the visible", "OpenCV inpainting"):
        assert f"│ {name}" in result.stdout
    assert "a tube mask hides a place in every frame" in result.stdout
    png = ours / "reconstructions" / "v_Archery_g01_c01-and-pretrain.png"
    assert result.stdout.splitlines()[-1] == str(png)
    assert png.is_file()


def test_reconstruct_of_a_dataset_prints_json(
    pretrained: Path, finished: PreparedDataset, tmp_path: Path
) -> None:
    out = tmp_path / "a.png"

    result = run(
        pretrained,
        "--data",
        finished.folder,
        "--clips",
        2,
        "--out",
        out,
        "--json",
        "--device",
        "cpu",
    )

    record = json.loads(result.stdout)
    assert len(record["clips"]) == 2
    assert record["files"] == [str(out)]
    rows = {(row["name"], row["statistics"]) for row in record["rows"]}
    assert {("pretrain", "hidden"), ("pretrain", "visible")} <= rows
