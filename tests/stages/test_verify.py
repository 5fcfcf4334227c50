"""`verify`: everything that may happen to the files of a set is named, and the set left alone."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.io.atomic import read_json, write_json
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.verify import Verified, verify

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]
SHARD = "shards/shard-00001.h5"


def check(folder: Path, all_frames: bool = False) -> Verified:
    return verify(folder, all_frames=all_frames, seed=0, report=NullReporter())


def lines(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder).problems]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def test_a_whole_set_has_no_problem_and_is_not_touched(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    found = check(folder)

    assert (found.problems, found.mend) == ((), ())
    assert (found.num_shards, found.num_clips, found.num_clips_seen) == (3, 12, 3)
    assert "is whole: 3 shards" in found.summary
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_all_means_every_picture_of_every_clip(folder: Path, finished: PreparedDataset) -> None:
    found = check(folder, all_frames=True)

    assert found.num_clips_seen == 12
    assert found.num_pictures == finished.manifest["counts"]["frames"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_flipped_bit_anywhere_in_a_shard_is_named(folder: Path, share: float) -> None:
    flip(folder / SHARD, int(share * (folder / SHARD).stat().st_size))

    (line,) = lines(folder)

    assert line.startswith(f"{SHARD}: has SHA-256 ")
    assert "expected " in line


def test_a_truncated_shard_is_named_with_both_sizes(folder: Path) -> None:
    content = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(content[:-100])

    assert lines(folder) == [f"{SHARD}: has {len(content) - 100} bytes, expected {len(content)}"]


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / SHARD).unlink()

    found = check(folder)

    assert [str(problem) for problem in found.problems] == [f"{SHARD}: is missing"]
    assert found.mend[0] == f"rm -f -- {folder / SHARD}"
    assert found.mend[1].startswith("avme prep ucf101 ")
    assert f"--out {folder} --set shard_clips=4" in found.mend[1]


def test_a_shard_of_nobody_is_named(folder: Path) -> None:
    (folder / "shards" / "shard-00009.h5").write_bytes(b"")
    (folder / "shards" / ".shard-00009.h5.1.tmp").write_bytes(b"")  # of a run that goes on

    assert lines(folder) == ["shards/shard-00009.h5: is not listed in dataset.json"]


def test_a_plan_that_disagrees_is_named(folder: Path) -> None:
    plan = read_json(folder / "plan.json")
    plan["shards"]["shard-00007.h5"] = plan["shards"].pop("shard-00002.h5")
    plan["shards"]["shard-00001.h5"].reverse()
    write_json(folder / "plan.json", plan)

    text = "\n".join(lines(folder))

    assert "plan.json: knows no shard-00002.h5" in text
    assert "dataset.json: lists no shard-00007.h5" in text
    assert f"{SHARD}: holds other clips than plan.json says, in another order" in text


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_without_a_plan_no_command_is_made_up(folder: Path, content: str | None) -> None:
    (folder / "plan.json").unlink()
    if content is not None:
        (folder / "plan.json").write_text(content)

    found = check(folder)

    assert [problem.where for problem in found.problems] == ["plan.json"]
    assert found.mend == (
        f"nothing tells from what {folder} was made: delete it and prepare it anew",
    )


def test_a_source_that_is_gone_is_said(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["identity"]["source"] = "/nowhere/videos"
    write_json(folder / "plan.json", plan)
    (folder / SHARD).unlink()

    assert "# but /nowhere/videos is not there: bring it back first" in check(folder).mend


def test_what_is_pasted_to_mend_runs_nothing_of_a_strangers(folder: Path, tmp_path: Path) -> None:
    plan = read_json(folder / "plan.json")
    plan["identity"]["source"] = "/nowhere\n: > marker\n$(: > marker)\x1b[2J`: > marker`"
    write_json(folder / "plan.json", plan)
    (folder / SHARD).unlink()

    mend = check(folder).mend
    subprocess.run(
        ["/bin/bash", "-c", "\n".join(mend)], cwd=tmp_path, env={"PATH": ""}, capture_output=True
    )

    assert len(mend) == 3
    assert all(line.isprintable() for line in mend)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["../../marker", "shard-1.h5", "a\n"])
def test_a_shard_of_another_name_is_neither_opened_nor_told_to_be_deleted(
    name: str, folder: Path
) -> None:
    for file in ("plan.json", "dataset.json"):
        content = read_json(folder / file)
        content["shards"][name] = content["shards"].pop("shard-00001.h5")
        write_json(folder / file, content)

    found = check(folder)

    assert {problem.where for problem in found.problems} == {"plan.json", "dataset.json"}
    assert not any("marker" in line for line in found.mend)


def test_of_a_table_all_that_its_command_names_is_looked_for(
    source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    rows = (f"{path.relative_to(source)},{path.parent.name}\n" for path in source.rglob("*.avi"))
    table = tmp_path / "list.csv"
    table.write_text("path,label\n" + "".join(rows))
    folder = run_prep(table, tmp_path / "out", layout="csv", root=source).folder
    (folder / SHARD).unlink()

    assert [line for line in check(folder).mend if line.startswith("#")] == []
    source.rename(tmp_path / "gone")
    assert check(folder).mend[-1] == f"# but {source} is not there: bring it back first"
    table.unlink()
    assert check(folder).mend[-2] == f"# but {table} is not there: bring it back first"


def test_another_schema_cannot_be_checked(folder: Path) -> None:
    write_json(folder / "dataset.json", {"schema": 99})

    with pytest.raises(ArtifactError, match=r"dataset\.json: .* \(got schema 99, expected 3\)"):
        check(folder)


def test_a_set_with_bad_clips_is_whole(tmp_path: Path, source: Path, run_prep: RunPrep) -> None:
    broken = source / "Archery" / "v_Archery_g01_c01.avi"
    broken.write_bytes(broken.read_bytes()[:300])

    folder = run_prep(source, tmp_path / "out").folder

    assert lines(folder) == []
    (folder / "quarantine.csv").write_text("id,reason,message\n")
    (line,) = lines(folder)
    told = "quarantine.csv: line 2, clip Archery/v_Archery_g01_c01.avi: id is '', expected "
    assert line.startswith(told)
