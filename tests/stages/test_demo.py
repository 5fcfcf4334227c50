"""The whole tool, shrunken: every stage, the table and the pictures."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from avme.errors import (
    ConfigError,
    Interrupted,
    StoppedBySignal,
    SystemRequirementError,
    UsageError,
)
from avme.io.atomic import read_json
from avme.io.run_status import write_status
from avme.progress import Task
from avme.stages.demo import DemoResult, DemoSizes, demo, open_folder
from avme_cli.app import app

pytestmark = pytest.mark.slow

SMALL = DemoSizes(groups=(7, 8, 9), clips_per_group=1, pretrain_epochs=1, finetune_epochs=1)


@dataclass
class Said:
    """A reporter that remembers its lines."""

    lines: list[str] = field(default_factory=list)

    def log(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass

    @property
    def commands(self) -> list[list[str]]:
        said = [line.strip() for line in self.lines]
        return [shlex.split(line)[2:] for line in said if line.startswith("$ avme ")]


@dataclass(frozen=True)
class Finished:
    out: Path
    result: DemoResult
    said: Said


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    out, said = tmp_path_factory.mktemp("demo") / "avme-demo", Said()
    return Finished(out, demo(out, sizes=SMALL, report=said), said)


def test_demo_table_has_chance_and_all_outputs_of_the_classifier(finished: Finished) -> None:
    rows = finished.result.rows

    assert [name for name, _, _ in rows] == ["chance", "v", "a", "product", "av"]
    assert all(0.0 <= top1 <= top5 <= 1.0 for _, top1, top5 in rows)
    assert rows[0][1:] == (1 / 9, 5 / 9)


def test_demo_figures_exist_and_show_content(finished: Finished) -> None:
    for picture in finished.result.pictures:
        pixels = imread(picture)[..., :3]
        assert 0.01 < (pixels.min(axis=-1) < 0.9).mean() < 0.99, picture

    assert len(finished.result.pictures) == 6
    assert all(path.is_relative_to(finished.out) for path in finished.result.pictures)


def test_demo_page_shows_all_runs_and_playable_clips(finished: Finished) -> None:
    assert finished.result.page == finished.out / "report.html"

    page = finished.result.page.read_text()
    assert all(f"-5x1-{name}" in page for name in ("v", "a", "product"))
    assert 'id="video-eval3-' in page


def test_demo_commands_repeat_what_it_did(finished: Finished) -> None:
    told = finished.said.commands

    for words in told:
        again = {"pretrain": ["--resume"], "finetune": ["--resume"], "eval": ["--overwrite"]}
        more = again.get(words[0], [])
        repeated = CliRunner().invoke(app, ["--quiet", *words, *more])
        assert repeated.exit_code == 0, repeated.output

    names = [words[0] for words in told]
    assert names == ["prep", "pretrain", "finetune", *4 * ["eval"]]


def test_demo_replaces_a_demo_only_with_overwrite(tmp_path: Path) -> None:
    write_status(tmp_path, "demo", "finished")
    (tmp_path / "videos").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="--overwrite replaces it"):
        open_folder(tmp_path, overwrite=False)

    open_folder(tmp_path, overwrite=True)
    assert not (tmp_path / "videos").exists()
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_open_folder_of_other_content_is_refused(tmp_path: Path, overwrite: bool) -> None:
    write_status(tmp_path, "pretrain", "finished")
    (tmp_path / "runs").mkdir()

    with pytest.raises(UsageError, match="was not written by avme demo"):
        open_folder(tmp_path, overwrite)

    assert (tmp_path / "runs").exists()


def test_open_folder_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="is a file"):
        open_folder(tmp_path / "file", overwrite=True)


@pytest.mark.parametrize(
    ("error", "kind", "state", "message"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, "stopped", ""),
        (Interrupted("stopped at step 3"), Interrupted, "stopped", "stopped by Ctrl-C: run"),
        (
            StoppedBySignal("stopped at step 3"),
            StoppedBySignal,
            "stopped",
            "stopped by a signal: run",
        ),
        (SystemRequirementError("no room"), SystemRequirementError, "failed", "no room"),
    ],
)
def test_demo_that_ends_early_has_the_exit_code_and_state_of_its_end(
    error: BaseException,
    kind: type[BaseException],
    state: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr("avme.stages.demo.make_set", end)

    with pytest.raises(kind, match=message or None) as caught:
        demo(tmp_path / "demo", sizes=SMALL)

    assert type(caught.value) is kind
    assert read_json(tmp_path / "demo" / "status.json")["state"] == state


def test_demo_with_seed_out_of_range_creates_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.seed: found -1"):
        demo(tmp_path / "demo", sizes=SMALL, seed=-1)

    assert list(tmp_path.iterdir()) == []
