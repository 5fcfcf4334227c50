"""A set tells which versions of ffmpeg made it, and warns of several."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import PrepConfig
from avme.io.atomic import read_json, write_json
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg
from avme.prep.partition import Partition
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.stages.prep import prepare
from avme.stages.verify import verify

pytestmark = pytest.mark.slow

REAL = find_ffmpeg()


class Lines(NullReporter):
    """A reporter that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def use_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an ffmpeg on PATH that is the real one but for its version."""
    path = os.environ["PATH"]

    def use(version: str) -> None:
        program = tmp_path / version / "ffmpeg"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\n[ "$1" = -version ] && echo "ffmpeg version {version} of a test" && exit\n'
            f'exec "{REAL}" "$@"\n'
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{path}")

    return use


@pytest.fixture
def make_part(videos: Path, tmp_path: Path) -> Callable[[int], list[str]]:
    """Makes one of two parts of a set and returns what was said."""

    def make(index: int) -> list[str]:
        settings = PrepConfig(num_workers=1, shard_clips=4)
        share = Partition(index, 2)
        request = Request("ucf101", videos, out=tmp_path, name="set", config=settings, share=share)
        report = Lines()
        prepare(request, report=report)
        lines = [line.replace(str(tmp_path), "") for line in report.said]
        return [line for line in lines if "ffmpeg" in line]

    return make


def test_prep_of_parts_by_two_ffmpeg_versions_counts_both(
    tmp_path: Path, use_version: Callable[[str], None], make_part: Callable[[int], list[str]]
) -> None:
    use_version("6.1.1")
    first = make_part(1)
    use_version("8.0")
    second = make_part(2)

    mixture = "several versions of ffmpeg made these shards (6.1.1 (2), 8.0 (1))"
    assert first == []
    assert len(second) == 2
    assert "started with ffmpeg 6.1.1, this is 8.0" in second[0]
    assert mixture in second[1]
    assert read_json(tmp_path / "set" / "dataset.json")["ffmpeg"] == {"6.1.1": 2, "8.0": 1}
    found = verify(tmp_path / "set", all_frames=False, seed=0, report=NullReporter())
    assert found.problems == ()
    assert len(found.warnings) == 1
    assert mixture in found.warnings[0]


def test_prep_with_one_ffmpeg_version_names_it_without_warning(
    tmp_path: Path, make_part: Callable[[int], list[str]]
) -> None:
    said = [*make_part(1), *make_part(2)]

    assert said == []
    assert read_json(tmp_path / "set" / "dataset.json")["ffmpeg"] == {ffmpeg_version(REAL): 3}
    found = verify(tmp_path / "set", all_frames=False, seed=0, report=NullReporter())
    assert (found.problems, found.warnings) == ((), ())


def test_prep_of_dataset_from_another_ffmpeg_warns_before_rebuilding(
    tmp_path: Path, use_version: Callable[[str], None], make_part: Callable[[int], list[str]]
) -> None:
    for index in (1, 2):
        make_part(index)
    (tmp_path / "set" / "shards" / "shard-00001.h5").unlink()
    use_version("8.0")

    found = verify(tmp_path / "set", all_frames=False, seed=0, report=NullReporter())

    assert found.problems
    assert f"made with ffmpeg {ffmpeg_version(REAL)}, this machine has 8.0" in found.warnings[0]


def test_shards_without_a_line_in_the_journal_keep_their_version(
    tmp_path: Path, make_part: Callable[[int], list[str]]
) -> None:
    make_part(1)
    (tmp_path / "set" / "prep.jsonl").unlink()

    assert make_part(2) == []


def test_prep_of_touched_shard_keeps_its_ffmpeg_version(
    tmp_path: Path, make_part: Callable[[int], list[str]]
) -> None:
    make_part(1)
    for shard in (tmp_path / "set" / "shards").glob("*.h5"):
        os.utime(shard)

    assert make_part(2) == []


def test_verify_of_wrong_count_by_version_is_a_problem(
    tmp_path: Path, make_part: Callable[[int], list[str]]
) -> None:
    for index in (1, 2):
        make_part(index)
    manifest = tmp_path / "set" / "dataset.json"
    write_json(manifest, {**read_json(manifest), "ffmpeg": {"8.0": 2}})

    (problem,) = verify(tmp_path / "set", all_frames=False, seed=0, report=NullReporter()).problems

    assert str(problem) == "dataset.json: has changed since it was written (checksum)"


def test_prep_names_a_skipped_ffmpeg(
    use_version: Callable[[str], None], make_part: Callable[[int], list[str]]
) -> None:
    use_version("7.0.2-static")

    (line,) = make_part(1)

    assert "ffmpeg 7.0.2-static" in line
    assert "crashes on transport streams" in line
    assert "of imageio-ffmpeg is used" in line
