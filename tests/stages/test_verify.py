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


def test_verify_of_intact_dataset_finds_nothing_and_writes_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    found = check(folder)

    assert (found.problems, found.fix_commands) == ((), ())
    assert (found.num_shards, found.num_clips, found.num_clips_seen) == (3, 12, 3)
    assert "is intact: 3 shards" in found.summary
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_verify_with_all_frames_decodes_every_clip(folder: Path, finished: PreparedDataset) -> None:
    found = check(folder, all_frames=True)

    assert found.num_clips_seen == 12
    assert found.num_pictures == finished.manifest["counts"]["frames"]


def test_verify_with_missing_shard_returns_the_fixing_commands(folder: Path) -> None:
    (folder / SHARD).unlink()

    found = check(folder)

    assert [str(problem) for problem in found.problems] == [f"{SHARD}: is missing"]
    assert found.fix_commands[0] == f"rm -f -- {folder / SHARD}"
    assert found.fix_commands[1].startswith("avme prep ucf101 ")
    assert f"--out {folder} --set shard_clips=4" in found.fix_commands[1]


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_verify_without_plan_returns_no_command(folder: Path, content: str | None) -> None:
    (folder / "plan.json").unlink()
    if content is not None:
        (folder / "plan.json").write_text(content)

    found = check(folder)

    assert [problem.where for problem in found.problems] == ["plan.json"]
    assert found.fix_commands == (
        f"the source of {folder} is not recorded: delete it and prepare it again",
    )


def test_verify_with_missing_source_names_it(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["identity"]["source"] = "/nowhere/videos"
    write_json(folder / "plan.json", plan)
    (folder / SHARD).unlink()

    assert "# but /nowhere/videos does not exist: restore it first" in check(folder).fix_commands


def test_verify_with_hostile_source_name_returns_safe_commands(
    folder: Path, tmp_path: Path
) -> None:
    plan = read_json(folder / "plan.json")
    plan["identity"]["source"] = "/nowhere\n: > marker\n$(: > marker)\x1b[2J`: > marker`"
    write_json(folder / "plan.json", plan)
    (folder / SHARD).unlink()

    commands = check(folder).fix_commands
    subprocess.run(
        ["/bin/bash", "-c", "\n".join(commands)],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
    )

    assert len(commands) == 3
    assert all(line.isprintable() for line in commands)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["../../marker", "shard-1.h5", "a\n"])
def test_verify_with_foreign_shard_name_does_not_open_or_delete_it(name: str, folder: Path) -> None:
    for file in ("plan.json", "dataset.json"):
        content = read_json(folder / file)
        content["shards"][name] = content["shards"].pop("shard-00001.h5")
        write_json(folder / file, content)

    found = check(folder)

    assert {problem.where for problem in found.problems} == {"plan.json", "dataset.json"}
    assert not any("marker" in line for line in found.fix_commands)


def test_verify_of_csv_source_names_each_missing_path(
    source: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    rows = (f"{path.relative_to(source)},{path.parent.name}\n" for path in source.rglob("*.avi"))
    table = tmp_path / "list.csv"
    table.write_text("path,label\n" + "".join(rows))
    folder = run_prep(table, tmp_path / "out", layout="csv", root=source).folder
    (folder / SHARD).unlink()

    assert [line for line in check(folder).fix_commands if line.startswith("#")] == []
    source.rename(tmp_path / "gone")
    assert check(folder).fix_commands[-1] == f"# but {source} does not exist: restore it first"
    table.unlink()
    assert check(folder).fix_commands[-2] == f"# but {table} does not exist: restore it first"


def test_verify_with_other_schema_is_refused(folder: Path) -> None:
    write_json(folder / "dataset.json", {"schema": 99})

    with pytest.raises(ArtifactError, match=r"dataset\.json: .* \(got schema 99, expected 4\)"):
        check(folder)


def test_verify_with_quarantined_clips_finds_nothing(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    broken = source / "Archery" / "v_Archery_g01_c01.avi"
    broken.write_bytes(broken.read_bytes()[:300])

    folder = run_prep(source, tmp_path / "out").folder

    assert lines(folder) == []
    (folder / "quarantine.csv").write_text("id,reason,message\n")
    (line,) = lines(folder)
    told = "quarantine.csv: line 2, clip Archery/v_Archery_g01_c01.avi: id is '', expected "
    assert line.startswith(told)
