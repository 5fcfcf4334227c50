"""metrics.jsonl holds every step once, whatever happened in between."""

from pathlib import Path

from avme.train.record import Record, read_record


def test_numbers_come_back(tmp_path: Path) -> None:
    with Record(tmp_path, first_step=0) as record:
        record.write("train", 10, {"loss": 0.5})

    assert read_record(tmp_path / "metrics.jsonl") == [{"kind": "train", "step": 10, "loss": 0.5}]
    assert any((tmp_path / "tb").iterdir())


def test_a_restart_takes_back_what_lies_beyond_its_checkpoint(tmp_path: Path) -> None:
    with Record(tmp_path, first_step=0) as record:
        for step in (10, 20, 30):
            record.write("train", step, {"loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')  # cut off by a kill

    with Record(tmp_path, first_step=20) as record:
        record.write("train", 30, {"loss": 2.0})

    lines = read_record(tmp_path / "metrics.jsonl")
    assert [(line["step"], line["loss"]) for line in lines] == [(10, 1.0), (20, 1.0), (30, 2.0)]
