"""Training that is killed again and again ends as training that is left alone.

benchmarks/kills.py does it twenty times with every variant; here it is done a few times.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.prepared import PreparedSet

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


def kill(data: Path, settings: Path, work: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, str(SCRIPT), str(data), str(settings), str(work), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        (("--kills", "4"), True),
        (("--kills", "1", "--workers", "2"), True),
        (("--kills", "2", "--processes", "1", "2"), False),
    ],
)
def test_pretraining_does_not_notice_kills(
    options: tuple[str, ...],
    exact: bool,
    finished: PreparedSet,
    make_pretrain_config: Callable[..., PretrainConfig],
    tmp_path: Path,
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(to_yaml(make_pretrain_config(epochs=10)))

    found = kill(finished.folder, settings, tmp_path / "runs", *options)

    assert found["kills"] == int(options[1])
    assert found["same_weights"] or not exact


def test_finetuning_with_all_its_chance_does_not_notice_kills_or_a_second_process(
    finished: PreparedSet, make_finetune_config: Callable[..., FinetuneConfig], tmp_path: Path
) -> None:
    augment = {"randaugment_ops": 2, "mixup": 0.8, "cutmix": 1.0, "audio_dropout": 0.3}
    head = {"dropout": 0.5, "drop_path": 0.3, "norm": "batch"}
    train = {"epochs": 20, "batch": 4, "device": "cpu"}
    config = make_finetune_config(augment=augment, head=head, train=train)
    (tmp_path / "settings.yaml").write_text(to_yaml(config))
    options = ("--stage", "finetune", "--kills", "2", "--processes", "1", "2")

    found = kill(finished.folder, tmp_path / "settings.yaml", tmp_path / "runs", *options)

    assert found["same_steps"]
