"""Comparison of a resumed run with the new command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.checkpoint.file import Checkpoint
from avme.config import PretrainConfig
from avme.errors import MismatchError
from avme.train.distributed.process_group import Distributed
from avme.train.run.extend import FACT
from avme.train.run.resume import changed_settings, changes, resume_advice

Run = Callable[..., list[str]]
FACTS = {"fingerprint": "f", "split": "1", "classes": ["a", "b"]}


@pytest.fixture
def compare(make_pretrain_config: Callable[..., PretrainConfig]) -> Run:
    """Compares a run with the same command, or with other stored settings, facts or options."""

    def run(
        stored: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **train: object
    ) -> list[str]:
        config = make_pretrain_config().model_dump(mode="json")
        checkpoint = Checkpoint(
            stage="pretrain", config=config | (stored or {}), facts=FACTS, step=3, model={}
        )
        new = make_pretrain_config(**train)
        return changed_settings(checkpoint, new, facts or FACTS, Path("runs/x"))

    return run


def test_changed_settings_of_same_command_are_empty(compare: Run) -> None:
    assert compare() == []


def test_changed_settings_that_keep_the_result_are_listed(compare: Run) -> None:
    assert compare(log_every=5, num_workers=2, max_saved=3) == [
        *("train.log_every 1 -> 5", "train.max_saved None -> 3", "train.num_workers 0 -> 2")
    ]


@pytest.mark.parametrize(
    ("train", "line"),
    [
        ({"batch_size": 2}, r"train\.batch_size 4 -> 2"),
        ({"seed": 7, "log_every": 5}, r"\(train\.seed 0 -> 7\)"),
        ({"precision": "bf16"}, r"train\.precision \w+ -> bf16"),
    ],
)
def test_changed_settings_that_alter_the_result_are_refused(
    train: dict[str, Any], line: str, compare: Run
) -> None:
    with pytest.raises(MismatchError, match=f"^runs/x was started with other .*{line}"):
        compare(**train)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"fingerprint": "g"}, "data.fingerprint f -> g"),
        ({"classes": ["b", "a"]}, r"data.classes \['a', 'b'\] -> \['b', 'a'\]"),
        ({"init": {"sha256": "0"}}, r"data.init.sha256 None -> 0"),
    ],
)
def test_changed_settings_with_other_data_are_refused(
    facts: dict[str, Any], line: str, compare: Run
) -> None:
    with pytest.raises(MismatchError, match=line):
        compare(facts=FACTS | facts)


def test_changed_settings_ignore_slurm_and_recorded_epochs(compare: Run) -> None:
    assert compare(stored={"slurm": {"nodes": 9}}) == []
    assert compare(facts=FACTS) == compare(facts=dict(FACTS)) == []
    history = {"warmup_epochs": 1, "epochs": 2, "changes": []}
    with pytest.raises(MismatchError):
        compare(facts=FACTS | {FACT: history})


def test_changed_settings_with_more_epochs_keep_the_warmup_of_the_run(
    compare: Run, make_pretrain_config: Callable[..., PretrainConfig]
) -> None:
    config = make_pretrain_config().optim.model_dump(mode="json") | {"warmup_epochs": 2}

    assert compare(stored={"optim": config}, epochs=9) == ["train.epochs 4 -> 9"]
    with pytest.raises(MismatchError, match=r"optim\.warmup_epochs 2"):
        compare(stored={"optim": config})


def test_changed_settings_that_are_refused_name_at_most_five(compare: Run) -> None:
    clip = {"num_frames": 8, "frame_stride": 1, "image_size": 32, "split": "2"}

    with pytest.raises(MismatchError) as caught:
        compare(stored={"clip": clip, "mask": {"ratio": 0.5}}, seed=3)

    assert str(caught.value).count(" -> ") == 5


def test_changes_of_long_values_are_cut_to_60_characters() -> None:
    found = changes({"a": "x" * 61, "b": 1}, {"a": "y" * 60, "b": 1, "c": 2})

    assert found == {"a": f"a {'x' * 57}... -> {'y' * 60}", "c": "c None -> 2"}


def test_changes_of_nested_settings_have_dotted_keys_and_a_tuple_equals_a_list() -> None:
    before = {"a": {"b": {"c": (1, 2)}, "d": {}}, "e": None}

    assert changes(before, {"a": {"b": {"c": [1, 2]}}}) == {}
    assert changes(before, {"a": {"b": {"c": [1, 3]}}}) == {"a.b.c": "a.b.c [1, 2] -> [1, 3]"}


def test_resume_advice_is_the_command_or_the_file_of_a_long_one() -> None:
    alone, folder = Distributed(), Path("runs/a")

    command = ["avme", "pretrain", "--overwrite", "--out", "runs/a"]

    assert resume_advice(command, alone, folder) == (
        "continue with: avme pretrain --out runs/a --resume"
    )
    assert "runs/a/command.txt" in resume_advice([*command, "x" * 300], alone, folder)
    assert resume_advice([], alone, folder) == "continue with the same command and --resume"
