"""`prepare` where source files have other times, or lie elsewhere: their bytes decide."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import MismatchError, SystemRequirementError, UsageError
from avme.io.lock import holding
from avme.prep.partition import Partition
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.prep import prepare
from avme.stages.verify import verify

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]
Trace = dict[str, tuple[int, int]]


def traces(folder: Path) -> Trace:
    """Which files these are: another one by the same name has another number or time."""
    paths = [*(folder / "shards").iterdir(), folder / "dataset.json"]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def changed(before: Trace, after: Trace) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def copied(source: Path, target: Path) -> Path:
    """As `cp -r` does it: the same bytes, other times."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    return target


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, videos: Path, run_prep: RunPrep) -> Path:
    """The folder `work` with videos and the dataset made of them, and `kept`, a copy of it."""
    root = tmp_path_factory.mktemp("changed")
    shutil.copytree(videos, root / "work" / "videos")
    run_prep(root / "work" / "videos", root / "work" / "out")
    shutil.copytree(root / "work", root / "kept")
    return root / "kept"


@pytest.fixture
def source(kept: Path) -> Path:
    """The videos at the place that the plan names, with the times that it has."""
    work = kept.with_name("work")
    shutil.rmtree(work)
    shutil.copytree(kept, work)
    return work / "videos"


@pytest.fixture
def made(source: Path) -> Path:
    return source.parent / "out" / "set"


@pytest.fixture
def touched(made: Path, source: Path) -> Path:
    """The source of that set, all files of it copied once."""
    source.rename(source.with_name("before"))
    return copied(source.with_name("before"), source)


def test_copies_of_the_same_bytes_leave_all_shards_and_the_manifest(
    made: Path, touched: Path, run_prep: RunPrep
) -> None:
    before, lines, more = traces(made), list[str](), list[str]()

    run_prep(touched, made.parent, lines=lines)
    run_prep(touched, made.parent, lines=more)

    assert traces(made) == before
    assert any(line.startswith("12 source files have another modification time") for line in lines)
    assert "compare 12/12" in lines
    assert len(more) == 1  # the times are known now
    assert "nothing changed" in more[0]


def test_prep_after_new_mtimes_rebuilds_only_changed_bytes(
    made: Path, touched: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    clip = touched / "Bowling" / "v_Bowling_g01_c02.avi"
    content = bytearray(clip.read_bytes())
    content[-100] ^= 0xFF
    clip.write_bytes(content)
    before, lines = traces(made), list[str]()

    again = run_prep(touched, made.parent, lines=lines)

    (shard,) = (entry.shard for entry in again.entries if entry.id.endswith(clip.name))
    assert changed(before, traces(made)) == {shard, "dataset.json"}
    assert "1 source files were added, removed or changed" in lines
    assert again.fingerprint == run_prep(touched, tmp_path / "fresh").fingerprint


def test_prep_with_unreadable_shard_rebuilds_it(
    made: Path, touched: Path, run_prep: RunPrep
) -> None:
    shard = made / "shards" / "shard-00001.h5"
    whole = shard.read_bytes()
    shard.write_bytes(b"x" * len(whole))
    before = traces(made)

    run_prep(touched, made.parent)

    assert changed(before, traces(made)) == {shard.name, "dataset.json"}
    assert shard.read_bytes() == whole


def test_prep_interrupted_while_comparing_files_loses_nothing(made: Path, touched: Path) -> None:
    before, plan = traces(made), (made / "plan.json").read_bytes()
    config = PrepConfig(num_workers=1, shard_clips=4)
    request = Request("ucf101", touched, out=made.parent, name="set", config=config)

    with pytest.raises(KeyboardInterrupt):
        prepare(request, report=_Interrupting())

    assert traces(made) == before
    assert (made / "plan.json").read_bytes() == plan


class _Interrupting(NullReporter):
    """Ctrl-C as soon as anything is said."""

    def log(self, line: str) -> None:
        raise KeyboardInterrupt


def test_prep_keeps_a_quarantined_clip_with_the_same_bytes(
    source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    (source / "Archery" / "v_Archery_g01_c01.avi").write_text("<html>404</html>")
    made = run_prep(source, tmp_path / "out").folder
    before = traces(made)
    source.rename(tmp_path / "before")

    run_prep(copied(tmp_path / "before", source), made.parent)

    assert traces(made) == before


@pytest.mark.parametrize("move", [Path.rename, copied], ids=["mv", "cp"])
def test_prep_of_moved_videos_changes_nothing(
    made: Path,
    source: Path,
    tmp_path: Path,
    run_prep: RunPrep,
    move: Callable[[Path, Path], Path],
) -> None:
    before, lines = traces(made), list[str]()
    moved = move(source, tmp_path / "moved")

    run_prep(moved, made.parent, lines=lines)

    assert traces(made) == before
    assert f"the videos of {source} are now in {moved}, the same ones" in lines
    assert json.loads((made / "plan.json").read_text())["identity"]["source"] == str(moved)
    (made / "shards" / "shard-00001.h5").unlink()
    commands = verify(made, all_frames=False, seed=0, report=NullReporter()).fix_commands
    assert f"avme prep ucf101 {moved} " in commands[1]


def test_videos_that_were_moved_away_from_their_lists_are_refused(
    source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    names = [f"{path.parent.name}/{path.name}" for path in sorted(source.rglob("*.avi"))]
    lists = tmp_path / "far" / "away"
    lists.mkdir(parents=True)
    (lists / "classInd.txt").write_text("1 Archery\n2 Bowling\n")
    (lists / "testlist01.txt").write_text("\n".join(names[::2]))
    labels = {"Archery": 1, "Bowling": 2}
    train = (f"{name} {labels[name.split('/')[0]]}" for name in names[1::2])
    (lists / "trainlist01.txt").write_text("\n".join(train))
    made = run_prep(source, tmp_path / "out", splits=lists).folder
    before, plan = traces(made), (made / "plan.json").read_bytes()
    moved = tmp_path / "moved"
    source.rename(moved)

    with pytest.raises(MismatchError, match=r"other split lists or none.*--splits"):
        run_prep(moved, made.parent)

    assert (traces(made), (made / "plan.json").read_bytes()) == (before, plan)
    assert run_prep(moved, made.parent, splits=lists).folder == made


def test_prep_with_unreadable_file_rebuilds_no_shard(
    made: Path, touched: Path, run_prep: RunPrep
) -> None:
    before, plan = traces(made), (made / "plan.json").read_bytes()

    with pytest.raises(SystemRequirementError, match="was not read within 1e-09 s"):
        run_prep(touched, made.parent, timeout_seconds=1e-9)

    assert (traces(made), (made / "plan.json").read_bytes()) == (before, plan)


def test_prep_of_moved_clip_without_hash_changes_nothing(
    made: Path, source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    shard = made / "shards" / "shard-00001.h5"
    whole = shard.read_bytes()
    shard.write_bytes(b"x" * len(whole))

    again = run_prep(copied(source, tmp_path / "moved"), made.parent)

    assert again.folder == made
    assert shard.read_bytes() == whole


def test_prep_of_other_videos_elsewhere_is_refused_with_counts(
    made: Path, source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    before = traces(made)
    other = copied(source, tmp_path / "other")
    clips = sorted(other.rglob("*.avi"))
    clips[0].rename(clips[0].with_name("v_Archery_g20_c01.avi"))
    content = bytearray(clips[1].read_bytes())
    content[-100] ^= 0xFF
    clips[1].write_bytes(content)

    with pytest.raises(MismatchError, match=r"1 more, 1 missing, 0 different.*--out or --name"):
        run_prep(other, made.parent)
    clips[0].with_name("v_Archery_g20_c01.avi").rename(clips[0])
    with pytest.raises(MismatchError, match=r"0 more, 0 missing, 1 different"):
        run_prep(other, made.parent)

    assert traces(made) == before


def test_prep_of_a_part_keeps_times_of_running_parts(made: Path, touched: Path) -> None:
    plan = (made / "plan.json").read_bytes()
    config = PrepConfig(num_workers=1, shard_clips=4)
    request = Request(
        "ucf101", touched, out=made.parent, name="set", config=config, share=Partition(1, 2)
    )

    with holding(made, shared=True), pytest.raises(UsageError, match="is running on"):
        prepare(request, report=NullReporter())

    assert (made / "plan.json").read_bytes() == plan
