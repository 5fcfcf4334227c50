"""The job that both stages build: data, run folder and model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch

from avme.config import PretrainConfig
from avme.data.transforms import PretrainTransform
from avme.errors import ConfigError, UsageError
from avme.io.atomic import read_json
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.build import Network
from avme.models.masking import TubeMask
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import reconstruction_step
from avme.stages.training import Objective, Setup, build_job, dataset_facts


@pytest.fixture
def setup(
    finished: PreparedDataset, make_pretrain_config: Callable[..., PretrainConfig], tmp_path: Path
) -> Setup:
    """Pretraining from scratch; weights that are loaded are all zero."""

    def initialize(model: Network, report: Reporter) -> None:
        for weight in model.parameters():
            torch.nn.init.zeros_(weight)

    entries, config = finished.subset("1", "train"), make_pretrain_config()
    return Setup(
        stage="pretrain",
        config=config,
        prepared=finished,
        entries=entries,
        facts=dataset_facts(finished, config, "tiny"),
        lists={"train": len(entries)},
        protocol="",
        start="from zeros",
        initialize=initialize,
        out=tmp_path / "run",
        resume=False,
        overwrite=False,
    )


def objective_of(model: Network, device: torch.device) -> Objective:
    config = PretrainConfig()
    mask = TubeMask(cast(MaskedAutoencoder, model).grid, config.mask.ratio)
    return Objective(
        view=PretrainTransform(config.clip, config.crop),
        loss_of=reconstruction_step(config, mask),
        example=(),
        derived={"device": str(device)},
    )


def test_dataset_facts_name_the_list_and_its_statistics(finished: PreparedDataset) -> None:
    config = PretrainConfig.model_validate({"train": {"protocol": "donor"}})

    facts = dataset_facts(finished, config, "tiny")

    assert (facts["preset"], facts["dataset"], facts["split"]) == ("tiny", "set", "1")
    assert facts["protocol"] == "donor"
    assert facts["train_list_sha256"] == finished.list_sha256("1", "train")
    assert len(facts["mfcc"]["mean"]) == len(facts["mfcc"]["deviation"])


def test_build_job_of_a_new_run_loads_the_initial_weights(setup: Setup) -> None:
    with build_job(setup, objective_of, command=["avme"], report=NullReporter()) as job:
        assert not any(weight.any() for weight in job.model.parameters())
        assert job.derived == {"device": "cpu"}
        assert len(job.reader.entries) == job.lists["train"]

    assert read_json(setup.out / "status.json")["state"] == "finished"


def test_build_job_that_fails_is_recorded(setup: Setup) -> None:
    with (
        pytest.raises(RuntimeError, match="broken"),
        build_job(setup, objective_of, command=["avme"], report=NullReporter()),
    ):
        raise RuntimeError("broken")

    assert read_json(setup.out / "status.json")["state"] == "failed"


def test_require_possible_refuses_what_a_run_would_and_writes_nothing(setup: Setup) -> None:
    setup.require_possible(1)
    with pytest.raises(ConfigError, match="3"):
        setup.require_possible(3)
    assert not setup.out.exists()
    setup.out.mkdir()
    (setup.out / "mine.txt").touch()
    with pytest.raises(UsageError):
        replace(setup, overwrite=True).require_possible(1)
