"""Comparisons agree with counts by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from avme.errors import ArtifactError, UsageError
from avme.evaluation.intervals import wilson
from avme.stages.compare import compare, find_pair, find_results

LABEL = np.arange(40, dtype=np.int64) % 2


def write(folder: Path, predicted: np.ndarray, confidence: float = 0.8) -> Path:
    """Write an evaluation of 40 clips of two classes in 20 groups."""
    folder.mkdir(parents=True)
    probability = np.full((40, 2), 1 - confidence)
    probability[np.arange(40), predicted] = confidence
    np.savez(
        folder / "predictions.npz",
        id=np.array([f"c{n}" for n in range(40)]),
        group=np.array([f"g{n // 2}" for n in range(40)]),
        audio=np.array(["audible"] * 30 + ["none"] * 10),
        label=LABEL,
        probability=probability,
        classes=np.array(["A", "B"]),
    )
    (folder / "summary.json").write_text(json.dumps({"signature": folder.name}))
    return folder


def test_compare_counts_pairs_states_classes_and_flips(tmp_path: Path) -> None:
    wrong_a, wrong_b = np.isin(np.arange(40), range(8)), np.isin(np.arange(40), [0, 35])
    first = write(tmp_path / "a", np.where(wrong_a, 1 - LABEL, LABEL))
    second = write(tmp_path / "b", np.where(wrong_b, 1 - LABEL, LABEL), confidence=0.7)

    found = compare(first, second)

    assert found.top1 == (0.8, 0.95)
    assert found.paired.difference == pytest.approx(0.15)
    assert (found.paired.only_first, found.paired.only_second) == (1, 7)
    assert found.by_audio["audible"][0] == 30
    assert found.by_audio["audible"][1].difference == pytest.approx(7 / 30)
    assert found.by_audio["none"][1].difference == pytest.approx(-0.1)
    assert found.either == 39 / 40
    # The product follows the more confident first where they disagree: 0 to 7 stay wrong.
    assert found.late_fusion == 32 / 40
    assert [row[:2] for row in found.by_class] == [("A", 20), ("B", 20)]
    assert [row[2] for row in found.by_class] == pytest.approx([0.15, 0.15])
    assert found.flips == (("B", "A", "B", 4), ("A", "B", "A", 3), ("B", "B", "A", 1))


def test_compare_of_an_evaluation_with_itself_is_no_difference(tmp_path: Path) -> None:
    one = write(tmp_path / "a", LABEL)

    found = compare(one, one)

    limit = wilson(0.0, 20, 0.95)[1]  # of 20 groups
    assert found.paired.difference == 0.0
    assert (found.paired.low, found.paired.high) == pytest.approx((-limit, limit))
    assert (found.paired.p_value, found.paired.mcnemar_p) == (1.0, 1.0)
    assert (found.by_class, found.flips) == ((), ())
    assert json.loads(json.dumps(found.as_record()))["signatures"] == ["a", "a"]


def test_find_pair_of_runs_takes_the_only_evaluation_in_both(tmp_path: Path) -> None:
    for name in ("5x3", "5x3-controls", "1x1"):
        write(tmp_path / "one/eval" / name, LABEL)
    alone = write(tmp_path / "two/eval/5x3-controls", LABEL)
    assert find_pair(tmp_path / "one", alone)[0].name == "5x3-controls"
    write(tmp_path / "two/eval/5x3", LABEL)

    found = find_pair(tmp_path / "one", tmp_path / "two")

    assert found == (tmp_path / "one/eval/5x3", tmp_path / "two/eval/5x3")
    write(tmp_path / "two/eval/1x1", LABEL)
    with pytest.raises(UsageError, match=r"holds 3 evaluations, of which 2 are in both .*name one"):
        find_pair(tmp_path / "one", tmp_path / "two")


def test_find_results_of_what_is_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing does not exist, expected a results folder or"):
        find_results(tmp_path / "nothing")
    file = tmp_path / "best.pt"
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=r"best\.pt is a file, expected a results folder or a run"):
        find_results(file)


def test_find_results_without_an_evaluation_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no evaluation: run `avme eval"):
        find_results(tmp_path)
