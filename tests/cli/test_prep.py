"""`avme prep` refuses what it cannot prepare before it begins."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["prep", *args], prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("layout", ["ucf101", "folder", "hmdb51"])
def test_prep_of_missing_folder_is_code_2(layout: str) -> None:
    assert run(layout, "nowhere") == (
        2,
        "",
        "error: nowhere does not exist, expected a folder of videos\n",
    )


def test_prep_of_a_file_is_refused() -> None:
    Path("clip.avi").write_bytes(b"")

    assert run("folder", "clip.avi")[2] == (
        "error: clip.avi is a file, expected a folder of videos\n"
    )


def test_prep_of_folder_without_videos_is_one_line_and_code_2() -> None:
    Path("videos/cats").mkdir(parents=True)

    code, out, err = run("folder", "videos")

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--set", "jpeg=2"], "error: unknown setting jpeg in --set: did you mean jpeg_quality?\n"),
        (["--max-failed", "2"], "error: max_failed: found 2.0, expected less than or equal to 1"),
        (["--workers", "0"], "error: num_workers: found 0, expected greater than or equal to 1"),
        (
            ["--part", "3/2"],
            "error: --part: found '3/2', expected i/N with i from 1 to N, as in 2/8",
        ),
        (["--retry", "--part", "1/2"], "error: --retry would discard shards of other parts"),
        (["--retry", "--slurm"], "error: --retry would discard shards of other parts"),
        (["--name", "a", "--out", "sets/b"], "error: --out sets/b and --name a disagree"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(args: list[str], line: str) -> None:
    Path("videos").mkdir()

    code, _, err = run("folder", "videos", *args)

    assert code == 2
    assert err.startswith(line)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["csv", "gone.csv"], "error: gone.csv does not exist, expected a CSV file that lists"),
        (["csv", "videos"], "error: videos is a folder, expected a CSV file that lists videos\n"),
        (["csv", "a.csv"], "error: a.csv:1: found the columns name, label, expected path, label: "),
        (["kinetics", "videos"], "error: Missing option '--annotations' (see `avme prep kinetics"),
        (["vggsound", "videos", "--annotations", "b.csv"], "error: b.csv cannot be read: No such"),
        (["hmdb51", "videos"], "error: videos holds no videos: expected videos/<class>/<video>"),
    ],
)
def test_prep_with_wrong_source_is_refused_in_one_line(args: list[str], line: str) -> None:
    Path("videos").mkdir()
    Path("a.csv").write_text("name,label\n")

    code, out, err = run(*args)

    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1
    assert not Path("data").exists()


@pytest.mark.slow
def test_prep_of_a_table_uses_the_name_of_the_table(make_video: Callable[..., Path]) -> None:
    clip = make_video(Path("videos/a.avi"))
    rows = f"path,label,split,start,end\n{clip.name},x,train,0,0.2\n{clip.name},y,test,0.2,\n"
    Path("cuts.csv").write_text(rows)

    code, out, _ = run("csv", "cuts.csv", "--root", "videos", "--workers", "1")

    assert (code, out) == (0, "data/cuts\n")
    assert Path("data/cuts/dataset.json").is_file()


@pytest.mark.slow
def test_prep_reads_all_annotation_files_given(make_video: Callable[..., Path]) -> None:
    make_video(Path("videos/a_000001_000002.avi"))
    make_video(Path("videos/b_000001_000002.avi"))
    header = "label,youtube_id,time_start,time_end,split\n"
    Path("train.csv").write_text(header + "x,a,1,2,train\n")
    Path("val.csv").write_text(header + "y,b,1,2,val\n")

    annotations = ("--annotations", "train.csv", "val.csv")
    code, out, _ = run("kinetics", *annotations, "videos", "--name", "k", "--workers", "1")

    assert (code, out) == (0, "data/k\n")
