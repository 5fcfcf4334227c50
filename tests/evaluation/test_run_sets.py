"""Several runs as one result."""

import statistics
from pathlib import Path
from typing import Any

import pytest

from avme.errors import UsageError
from avme.evaluation.run_sets import ScoredRun, require_set, set_folder_name, summarize_runs


def make_run(name: str, split: str | None = "1", **other: Any) -> ScoredRun:
    summary = {
        "dataset": "ucf101",
        "fingerprint": "f",
        "trained_modality": "av",
        "protocol": "all",
        "trained_on_split": split,
        "split": split,
        "checkpoint": {"sha256": name},
        "intervals": {"top1": [0.2, 0.8]},
        "interval_method": {"unit": "group"},
    }
    return ScoredRun(Path(name), Path(f"{name}/eval/ucf101"), summary | other)


def test_require_set_of_one_split_is_seeds_and_of_different_ones_splits() -> None:
    assert require_set([make_run("a"), make_run("b")], []) == "seeds"
    assert require_set([make_run("a"), make_run("b")], ["1"]) == "seeds"
    assert require_set([make_run("a", "2"), make_run("b", "1")], []) == "splits"
    assert require_set([make_run("a", "2"), make_run("b", "1")], ["1", "2"]) == "splits"


@pytest.mark.parametrize(
    ("runs", "splits", "message"),
    [
        ([make_run("a"), make_run("b")], ["1", "2"], "split 1 has 2 runs .a, b., expected one"),
        ([make_run("a"), make_run("b", "2")], ["1", "2", "3"], "split 3 has 0 runs, expected"),
        ([make_run("a"), make_run("b", "3")], ["1", "2"], "b was trained on split 3, expected 1"),
        ([make_run("a"), make_run("b", "2")], ["1"], "b was trained on split 2, expected 1:"),
        ([make_run("a"), make_run("b"), make_run("c", "2")], [], "split 1 has 2 runs .a, b."),
        ([make_run("a"), make_run("b")], ["1", "1"], "--split 1 is given twice"),
        ([make_run("a"), make_run("a")], [], "a is the same checkpoint as a"),
        ([make_run("a"), make_run("b", None)], [], "b does not state its split"),
        ([make_run("a"), make_run("b", dataset="hmdb51")], [], "b and a differ in dataset"),
        ([make_run("a"), make_run("b", trained_modality="v")], [], "differ in trained_modality"),
        ([make_run("a"), make_run("b", protocol="donor")], [], "differ in protocol .got donor and"),
        ([make_run("a")], ["1", "2"], "split 2 has 0 runs"),
    ],
)
def test_require_set_of_runs_without_a_mean_is_refused(
    runs: list[ScoredRun], splits: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        require_set(runs, splits)


def test_set_folder_name_depends_on_checkpoints_and_settings_not_on_order() -> None:
    one, two = make_run("a"), make_run("b")
    other = ScoredRun(two.path, Path("b/eval/ucf101-audio"), two.summary)

    name = set_folder_name([one, two], "seeds")

    assert name.startswith("eval-2-seeds-")
    assert name == set_folder_name([two, one], "seeds")
    assert len({name, set_folder_name([one, other], "seeds"), set_folder_name([one], "seeds")}) == 3


def test_summarize_runs_has_mean_and_sample_deviation_of_common_rows() -> None:
    top1 = [0.5, 0.625, 0.75]
    runs = [
        make_run(
            name,
            modality="v",
            audio="null",
            frames="real",
            degrade=[],
            controls=False,
            list="test",
            subset="all",
            views={"segments": 5, "crops": 3},
            seed=seed,
            n=8,
            top1=value,
            cross_entropy=1.0,
            signature=f"avme {name}",
            center_view={"n": 8, "top1": value - 0.25},
            by_audio={"audible": {"n": 4, "top1": value}}
            | ({} if seed else {"none": {"top1": 0.0}}),
        )
        for seed, (name, value) in enumerate(zip("abc", top1, strict=True))
    ]

    found = summarize_runs(runs, "seeds")

    assert (found["modality"], found["audio"], found["frames"]) == ("v", "null", "real")
    assert list(found["figures"]) == ["all", "center_view", "audible"]
    assert found["figures"]["all"]["top1"] == {
        "mean": statistics.mean(top1),
        "deviation": pytest.approx(statistics.stdev(top1)),
    }
    assert found["figures"]["all"]["cross_entropy"] == {"mean": 1.0, "deviation": 0.0}
    assert found["figures"]["center_view"]["top1"]["mean"] == statistics.mean(top1) - 0.25
    assert found["interval_method"] == {"unit": "group"}
    assert found["runs"][1]["intervals"] == {"top1": [0.2, 0.8]}
    assert [run["signature"] for run in found["runs"]] == ["avme a", "avme b", "avme c"]
    assert found["deviation_of"] == "sample standard deviation over 3 seeds"
