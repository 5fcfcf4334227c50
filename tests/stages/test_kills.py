"""Training that is killed again and again ends as training that is left alone.

benchmarks/kills.py does it twenty times with every variant; here it is done a few times.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


Kill = Callable[..., dict[str, object]]


@pytest.fixture
def kill(start: Callable[..., Any], finished: PreparedDataset, tmp_path: Path) -> Kill:
    """Runs the script with these settings and options; returns what it prints."""

    def run(config: PretrainConfig | FinetuneConfig, *options: str) -> dict[str, object]:
        settings = tmp_path / "settings.yaml"
        settings.write_text(to_yaml(config))
        indices = (finished.folder, settings, tmp_path / "runs")
        done = start([str(SCRIPT), *map(str, indices), *options])
        assert done.wait() == 0, done.printed + done.said
        found: dict[str, object] = json.loads(done.printed)
        return found

    return run


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
    make_pretrain_config: Callable[..., PretrainConfig],
    kill: Kill,
) -> None:
    found = kill(make_pretrain_config(epochs=10), *options)

    assert found["kills"] == int(options[1])
    assert found["same_weights"] or not exact


def test_finetuning_with_all_its_chance_does_not_notice_kills_or_a_second_process(
    make_finetune_config: Callable[..., FinetuneConfig], kill: Kill
) -> None:
    augment = {"randaugment_ops": 2, "mixup": 0.8, "cutmix": 1.0, "audio_dropout": 0.3}
    head = {"dropout": 0.5, "drop_path": 0.3, "norm": "batch"}
    train = {"epochs": 20, "batch_size": 4, "device": "cpu"}
    config = make_finetune_config(augment=augment, head=head, train=train)

    found = kill(config, "--stage", "finetune", "--kills", "2", "--processes", "1", "2")

    assert found["same_steps"]
