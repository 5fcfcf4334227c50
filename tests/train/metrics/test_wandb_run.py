"""What Weights & Biases is told, by a stand-in that honours the part of its interface we use.

The interface is that of wandb 0.31: `init`, `Settings`, `Image`, `Run.log` and `Run.finish`.
"""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from avme.errors import SystemRequirementError
from avme.train.metrics.loggers import MetricLoggers
from avme.train.metrics.wandb_run import WandbRun, require_wandb


class WandbError(Exception):
    pass


class FakeRun:
    """Like wandb, drops a step that lies before the last one."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.rows: dict[int, dict[str, Any]] = {}
        self.exit_code: int | None = None

    def log(self, data: dict[str, Any], step: int | None = None) -> None:
        assert step is not None
        if step >= max(self.rows, default=0):
            self.rows.setdefault(step, {}).update(data)

    def finish(self, exit_code: int | None = None) -> None:
        self.exit_code = exit_code


class FakeWandb(ModuleType):
    """Keeps runs by project and id, as the service does."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.errors = ModuleType("wandb.errors")
        self.errors.Error = WandbError  # type: ignore[attr-defined]
        self.runs: dict[tuple[str, str], FakeRun] = {}
        self.refusal: str | None = None

    def Settings(self, **given: Any) -> dict[str, Any]:
        return given

    def Image(self, pixels: np.ndarray) -> tuple[int, ...]:
        return pixels.shape

    def init(self, *, project: str, id: str, resume: str, **given: Any) -> FakeRun:
        if self.refusal:
            raise WandbError(self.refusal)
        assert resume == "allow"
        return self.runs.setdefault((project, id), FakeRun(**given))


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setitem(sys.modules, "wandb.errors", fake.errors)
    return fake


def record(folder: Path, first_step: int, project: str = "videos") -> MetricLoggers:
    return MetricLoggers(
        folder, first_step, WandbRun(folder, project, {"train": {"batch_size": 4}})
    )


def test_wandb_run_when_resumed_is_one_run_with_every_step_once(
    wandb: FakeWandb, tmp_path: Path
) -> None:
    with record(tmp_path, 0) as first:
        for step in (10, 20, 30):
            first.write("train", step, {"loss": 1.0})
    with record(tmp_path, 20) as second:
        for step in (30, 40):
            second.write("train", step, {"loss": 1.0})
        second.write("validation", 40, {"top1": 0.5})
        second.log_image("reconstruction", 40, np.zeros((4, 6, 3), np.uint8))

    ((project, id_), run), *others = wandb.runs.items()
    assert not others
    assert json.loads((tmp_path / "wandb.json").read_text()) == {"project": project, "id": id_}
    assert list(run.rows) == [10, 20, 30, 40]
    assert run.rows[40] == {
        "train/loss": 1.0,
        "validation/top1": 0.5,
        "reconstruction": (4, 6, 3),
    }
    assert run.exit_code == 0


def test_wandb_run_sends_settings_numbers_and_images_only(wandb: FakeWandb, tmp_path: Path) -> None:
    record(tmp_path, 0).__exit__(None)

    given = next(iter(wandb.runs.values())).given
    assert given["config"] == {"train": {"batch_size": 4}}
    assert given["dir"] == str(tmp_path)
    settings = given["settings"]
    assert settings["console"] == "off"
    assert all(settings[f"disable_{what}"] for what in ("code", "git"))
    assert all(settings[f"x_disable_{what}"] for what in ("machine_info", "meta", "stats"))


def test_another_project_is_another_run(wandb: FakeWandb, tmp_path: Path) -> None:
    for project in ("one", "two", "two"):
        record(tmp_path, 0, project).__exit__(None)

    assert sorted(project for project, _ in wandb.runs) == ["one", "two"]


def test_wandb_run_of_failed_run_is_marked_failed(wandb: FakeWandb, tmp_path: Path) -> None:
    def fail() -> None:
        with record(tmp_path, 0):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert next(iter(wandb.runs.values())).exit_code == 1


def test_wandb_run_refused_by_the_server_is_one_line(wandb: FakeWandb, tmp_path: Path) -> None:
    wandb.refusal = "api_key not configured\n(no-tty)"

    with pytest.raises(
        SystemRequirementError, match=r"videos \(api_key not configured; \(no-tty\)\): run"
    ):
        record(tmp_path, 0)


def test_require_wandb_without_package_gives_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(SystemRequirementError, match=r"pip install 'avme\[wandb\]'"):
        require_wandb()
