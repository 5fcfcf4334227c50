"""derived.json of a resumed run: changes are reported, and it is written again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import PretrainConfig
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


class Lines(NullReporter):
    """Reporter that stores its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def resumed(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> Callable[[str], tuple[list[str], dict[str, Any]]]:
    """Resumes a finished run with another derived.json; returns its lines and the new file."""

    def resume(derived: str) -> tuple[list[str], dict[str, Any]]:
        out, report = Path(shutil.copytree(pretrained, tmp_path / "run")), Lines()
        (out / "derived.json").write_text(derived)
        config = make_pretrain_config()
        pretrain(config, data=finished.folder, out=out, preset="tiny", resume=True, report=report)
        return report.lines, json.loads((out / "derived.json").read_text())

    return resume


def test_train_resumed_with_other_derived_values_reports_them(
    resumed: Callable[[str], tuple[list[str], dict[str, Any]]], pretrained: Path
) -> None:
    before = json.loads((pretrained / "derived.json").read_text())

    lines, after = resumed(json.dumps(before | {"processes": 2, "precision": "bfloat16"}))

    assert "changed since: precision bfloat16 -> float32, processes 2 -> 1" in lines
    assert after == before


def test_train_resumed_with_unreadable_derived_json_writes_it_again(
    resumed: Callable[[str], tuple[list[str], dict[str, Any]]], pretrained: Path
) -> None:
    lines, after = resumed("{")

    (warning,) = [line for line in lines if line.startswith("warning: ") and "rewriting" in line]
    assert "derived.json" in warning
    assert after == json.loads((pretrained / "derived.json").read_text())
