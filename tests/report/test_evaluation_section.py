"""The section of an evaluation has its figures, clips and controls."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.report.evaluation_section import evaluation_section, titles_of, top_ranks
from avme.report.runs import Contents, read_contents
from avme.report.video_links import VideoFolder
from tests.report_files import read


@pytest.fixture
def contents(make_run: Callable[..., Path], tmp_path: Path) -> Contents:
    return read_contents([make_run(tmp_path / "run")])


def test_evaluation_section_shows_results_errors_and_controls(contents: Contents) -> None:
    section, used = evaluation_section(contents.evaluations[0], "eval0", None, 0)

    text = read(section).text
    assert used == 0
    assert "avme 0.1.0|set/1/test|n=12,g=4" in text
    assert "all clips1275.00 %65.0 to 85.0100.00 %" in text
    assert "clips without an audio track20.00 %" in text
    assert "CA4Clips" in text  # the only error, with its button
    assert "audio gaincannot tellWhether audio helps is open." in text
    assert "All 4 conditions" in text
    assert "jpeg: mean gain of audio" in text


def test_evaluation_section_holds_its_clips_as_data(contents: Contents) -> None:
    section, _ = evaluation_section(contents.evaluations[0], "eval0", None, 0)

    block = re.search(r'id="data-eval0">(.*?)</script>', section)
    assert block is not None
    data = json.loads(block[1])
    assert data["classes"] == ["A", "B", "C"]
    assert data["clips"][2] == ["A/c2.avi", 2, 0, 0.898, 0]
    assert data["clips"][11][4] == 2  # no audio track


def test_evaluation_section_with_videos_tells_which_clips_have_a_file(
    contents: Contents, tmp_path: Path
) -> None:
    (tmp_path / "A").mkdir()
    for number in (0, 5):
        (tmp_path / "A" / f"c{number}.avi").touch()
    videos = VideoFolder(tmp_path, "../videos/")

    section, _ = evaluation_section(contents.evaluations[0], "eval0", None, 0, videos)

    block = re.search(r'id="data-eval0">(.*?)</script>', section)
    assert block is not None
    data = json.loads(block[1])
    assert data["folder"] == "../videos/"
    assert data["kinds"] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert "The names of 2 of 12 clips are links" in read(section).text


def test_titles_of_evaluations_are_runs_where_those_suffice(contents: Contents) -> None:
    (found,) = contents.evaluations

    assert titles_of([found]) == ["run"]
    assert titles_of([found, found]) == ["run: set-split1-test-best-5x3"] * 2


def test_top_ranks_are_those_of_the_summary() -> None:
    assert top_ranks({"top5": 1, "top1": 1, "topic": 1, "n": 1}) == [1, 5]
