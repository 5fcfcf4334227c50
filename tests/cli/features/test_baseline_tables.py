"""Tables of the accuracies that a dataset gives without a network."""

from typing import Any

from avme_cli.features.baseline_tables import HEADER, baseline_tables


def split(**model: Any) -> dict[str, Any]:
    return {
        "leak": {"top1_majority": 0.4, "top1_presence": 0.5},
        "baselines": {
            "test": 30,
            "chance": 0.1,
            "models": {"mean colors": {"top1": 0.25, "c": 0.01, **model}},
            "interval_method": {"groups": 7, "unit": "group"},
        },
    }


def test_baseline_tables_begin_with_guesses() -> None:
    found = split(top5=0.75, intervals={"top1": [0.1, 0.4], "top5": [0.6, 0.9]})

    ((title, header, rows),) = baseline_tables({"1": found})

    assert title == "accuracy without a network, split 1: 30 clips, intervals over 7 groups"
    assert header == HEADER
    assert rows == [
        ("chance", "10.00 %", "-", "-", "-"),
        ("most common class", "40.00 %", "-", "-", "-"),
        ("audio presence", "50.00 %", "-", "-", "-"),
        ("mean colors", "25.00 %", "10.0 to 40.0", "75.00 %", "60.0 to 90.0"),
    ]


def test_baseline_tables_of_few_classes_have_no_top5() -> None:
    ((_, _, rows),) = baseline_tables({"1": split(intervals={"top1": [0.1, 0.4]})})

    assert rows[-1] == ("mean colors", "25.00 %", "10.0 to 40.0", "-", "-")


def test_baseline_tables_leave_out_splits_without_a_result() -> None:
    assert (
        list(baseline_tables({"1": {"leak": None, "baselines": None}, "2": {"leak": None}})) == []
    )
