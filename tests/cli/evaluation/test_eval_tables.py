"""Tables of `avme eval`: a row for every state of audio, a row for every run."""

import pytest

from avme_cli.evaluation.eval_tables import print_runs, print_table


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]


def test_print_table_has_a_row_for_every_audio_state(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {
        "split": "1",
        "modality": "av",
        "trained_modality": "av",
        "protocol": "all",
        "subset": "all",
        "views": {"segments": 5, "crops": 3},
        "n": 4,
        "top1": 0.75,
        "intervals": {"top1": [0.25, 1.0]},
        "quarantined": 0,
        "center_view": {"n": 4, "top1": 0.5, "intervals": {"top1": [0.0, 0.9]}},
        "interval_method": {"unit": "group", "groups": 3},
        "signature": "avme 0.1|pets/1/test|n=4,g=3",
        "by_audio": {
            "audible": {"n": 3, "top1": 1.0, "intervals": {"top1": [0.44, 1.0]}},
            "none": {"n": 1, "top1": 0.0, "intervals": {"top1": [0.0, 0.79]}},
        },
    }
    narrow = {"audible": {"n": 4, "top1": 0.75, "intervals": {"top1": [0.25, 1.0]}}}
    print_table(summary | {"by_audio": narrow}, (1,))
    assert "split 1, modality av, 5 x 3 views a clip" in capsys.readouterr().out.splitlines()

    print_table(summary | {"protocol": "donor"}, (1,))
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "split 1, modality av, 5 x 3 views a clip, protocol donor"

    print_table(summary | {"modality": "v", "subset": "audio"}, (1,))
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "split 1, modality v of av, 5 x 3 views a clip, audio clips only"

    lost = {"quarantined": 2, "quarantined_as_wrong": {"n": 6, "top1": 0.5}}
    print_table(summary | lost, (1,))
    row = ["and 2 undecodable", "6", "50.00 %", ""]
    assert row in cells(capsys.readouterr().out)

    print_table(summary, (1, 5))

    text = capsys.readouterr().out
    assert "split 1, modality av, 5 x 3 views a clip" in text.splitlines()
    assert "top-5" not in text
    assert "undecodable" not in text
    rows = cells(text)
    assert ["all clips", "4", "75.00 %", "25.0 to 100.0"] in rows
    assert ["center view only", "4", "50.00 %", "0.0 to 90.0"] in rows
    assert ["audible clips", "3", "100.00 %", "44.0 to 100.0"] in rows
    assert ["clips without a track", "1", "0.00 %", "0.0 to 79.0"] in rows
    assert text.splitlines()[-2:] == ["intervals: bootstrap over 3 groups", summary["signature"]]


def test_print_runs_has_their_mean_and_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    figure = {"mean": 0.5, "deviation": 0.0125}
    low = {"intervals": {"top1": [0.25, 0.75]}}
    print_runs(
        {
            "runs": [
                {"run": "runs/a", "split": "1", "seed": 0, "n": 4, "top1": 0.4875, **low},
                {"run": "runs/b", "split": "1", "seed": 1, "n": 4, "top1": 0.5125, **low},
            ],
            "interval_method": {"unit": "group"},
            "deviation_of": "sample standard deviation over 2 seeds",
            "figures": {
                "all": {"top1": figure, "cross_entropy": figure},
                "center_view": {"top1": figure},
                "none": {"top1": figure},
            },
        }
    )

    text = capsys.readouterr().out
    assert ["runs/b", "1", "1", "4", "51.25 %"] in cells(text)
    for label in ("all clips", "center view", "clips without a track"):
        assert [f"mean, {label}", "", "", "", "50.00 ± 1.25 %"] in cells(text)
    assert text.splitlines()[-2:] == [
        "mean ± sample standard deviation over 2 seeds",
        "95 % of top-1 of each run, bootstrap over groups: 25.0 to 75.0; 25.0 to 75.0",
    ]
