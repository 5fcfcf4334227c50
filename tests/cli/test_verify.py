"""`avme verify` ends with commands that repair the dataset, by its own plan."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["--quiet", *shlex.split(line)], prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def made(make_video: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips in two shards, with lists that only the command names."""
    root = tmp_path_factory.mktemp("made")
    names = [f"{c}/v_{c}_g{g:02d}_c01.avi" for c in ("Archery", "Bowling") for g in (1, 2)]
    first = make_video(root / "my videos" / names[0], frames=4)
    for name in names[1:]:
        (root / "my videos" / name).parent.mkdir(exist_ok=True)
        shutil.copy(first, root / "my videos" / name)
    (root / "lists").mkdir()
    (root / "lists/trainlist01.txt").write_text("".join(f"{name} 1\n" for name in names[1::2]))
    (root / "lists/testlist01.txt").write_text("".join(f"{name}\n" for name in names[::2]))
    with chdir(root):
        code, _, err = run(
            "prep ucf101 'my videos' --name pair --splits lists --max-failed 0.3 --workers 1 "
            "--set shard_clips=2 --set jpeg_quality=5"
        )
    assert code == 0, err
    return root


@pytest.fixture
def prepared(made: Path, tmp_path: Path) -> Path:
    """A copy of them, which a test may damage."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Path("data/pair")


def contents(folder: Path) -> dict[str, bytes]:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name != "prep.jsonl"]
    return {str(path): path.read_bytes() for path in kept}


def test_verify_of_whole_dataset_is_one_line_and_code_0(prepared: Path) -> None:
    code, out, err = run("verify")

    assert (code, err) == (0, "")
    assert out.startswith(f"{prepared} is intact: 2 shards of ")
    assert out.count("\n") == 1


@pytest.mark.slow
def test_verify_with_closed_streams_returns_its_exit_code(prepared: Path) -> None:
    line = f"{sys.executable} -m avme_cli verify <&- >&- 2>&-"

    codes = [subprocess.run(["bash", "-c", line]).returncode]
    (prepared / "index.csv").unlink()
    codes.append(subprocess.run(["bash", "-c", line]).returncode)

    assert codes == [0, 5]


@pytest.mark.slow
def test_verify_prints_commands_that_repair_shards_and_tables(prepared: Path) -> None:
    before = contents(prepared)
    shard = prepared / "shards" / "shard-00001.h5"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    index = prepared / "index.csv"
    index.write_text(index.read_text().replace(",4,4,", ",5,4,", 1))

    code, out, err = run("verify pair --all")

    assert code == 5
    assert err == f"error: {prepared} is broken: 2 problems, named above\n"
    first, second, fix, *commands = out.splitlines()
    assert first.startswith("shards/shard-00001.h5: has SHA-256 ")
    assert second.startswith("index.csv: has SHA-256 ")
    assert (fix, len(commands)) == ("fix it with", 2)
    subprocess.run(shlex.split(commands[0]), check=True)
    assert not shard.exists()
    assert run(commands[1].strip().removeprefix("avme "))[0] == 0
    assert contents(prepared) == before
    assert run("verify")[0] == 0


def test_verify_repairs_tables_alone(prepared: Path) -> None:
    before = contents(prepared)
    (prepared / "splits" / "split1-test.txt").unlink()

    code, out, err = run("verify")

    assert (code, err) == (5, f"error: {prepared} is broken: 1 problem, named above\n")
    delete, prep = out.splitlines()[-2:]
    subprocess.run(shlex.split(delete), check=True)
    assert run(prep.strip().removeprefix("avme "))[0] == 0
    assert contents(prepared) == before


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        (
            "verify cats",
            2,
            "error: DATA cats: no such folder, nor data/cats; data/ holds pair, two\n",
        ),
        ("audit half", 5, "error: half is not a prepared set (it has no dataset.json)"),
        ("verify", 2, "error: data/ holds several prepared sets (pair, two): choose one with DATA"),
    ],
)
def test_verify_of_ambiguous_dataset_is_refused(
    line: str, code: int, told: str, prepared: Path
) -> None:
    Path("half").mkdir()
    shutil.copytree(prepared, "data/two")

    found = run(line)

    assert found[:2] == (code, "")
    assert found[2].startswith(told)
