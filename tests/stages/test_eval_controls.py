"""The battery of controls on a trained classifier."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import EvalConfig, FinetuneConfig
from avme.data.clip_reader import ClipReader
from avme.errors import UsageError
from avme.evaluation.controls.files import ControlReport
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune

pytestmark = pytest.mark.slow
PLAIN = EvalConfig(topk=(1,), segments=2, crops=1, num_workers=0, device="cpu", list="train")
CONTROLS = PLAIN.model_copy(update={"controls": True})


@pytest.fixture(scope="module")
def battery(
    finished: PreparedDataset, finetuned: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[ControlReport]]:
    """Results folder of a battery on the train list, which has two groups; and what was told."""
    out, told = tmp_path_factory.mktemp("battery") / "eval", list[ControlReport]()
    evaluate(finetuned, data=finished.folder, config=CONTROLS, out=out, tell_controls=told.append)
    return out, told


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "controls.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_score_controls_of_an_av_classifier_measures_every_condition(
    battery: tuple[Path, list[ControlReport]],
) -> None:
    folder, told = battery
    found = json.loads((folder / "controls.json").read_text())

    rows = table(folder)
    assert found["not_measured"] == {}
    assert len({(row["audio"], row["frames"]) for row in rows}) == 12 + 5 + 1
    assert {row["clips"] for row in rows} == {"all", "with audio", "without audio"}
    assert len(told) == 1
    assert found["verdict"] == told[0].as_record()["verdict"]
    assert found["shapley"]["gain"]["n"] == found["verdict"]["audio_gain"]["n"] == 4


def test_score_controls_real_is_the_plain_evaluation(
    battery: tuple[Path, list[ControlReport]],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
) -> None:
    folder, _ = battery

    plain = evaluate(finetuned, data=finished.folder, config=PLAIN, out=tmp_path / "plain").summary

    summary = json.loads((folder / "summary.json").read_text())
    same = ("n", "top1", "intervals", "by_audio", "views", "list_sha256", "audio", "frames")
    assert {key: summary[key] for key in same} == {key: plain[key] for key in same}
    assert summary["controls"]
    assert set(summary["verdict"]) == set(
        json.loads((folder / "controls.json").read_text())["verdict"]
    )
    real = table(folder)[0]
    assert (real["audio"], real["frames"], real["clips"]) == ("real", "real", "all")
    assert float(real["top1"]) == pytest.approx(plain["top1"], abs=1e-6)


@pytest.mark.parametrize(("audio", "frames"), [("shuffle", "real"), ("real", "static")])
def test_evaluate_with_a_mode_is_its_row_of_the_battery(
    battery: tuple[Path, list[ControlReport]],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
    audio: str,
    frames: str,
) -> None:
    config = PLAIN.model_copy(update={"audio": audio, "frames": frames})

    summary = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "a").summary

    row = next(
        row
        for row in table(battery[0])
        if (row["audio"], row["frames"], row["clips"]) == (audio, frames, "all")
    )
    assert float(row["top1"]) == pytest.approx(summary["top1"], abs=1e-6)
    assert (summary["audio"], summary["frames"]) == (audio, frames)
    assert f"|audio={audio}|frames={frames}|" in summary["signature"]


def test_evaluate_with_modes_names_its_folder_after_them(
    finished: PreparedDataset, finetuned: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.symlink_to(finetuned)
    monkeypatch.chdir(tmp_path)
    config = PLAIN.model_copy(update={"audio": "noise@10", "frames": "reverse"})

    folder = evaluate(run, data=finished.folder, config=config).folder

    assert folder.name == "set-split1-train-best-2x1-audio-noise@10-frames-reverse"


def test_score_controls_decodes_a_clip_once_for_each_change_of_its_frames(
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded = Counter[str]()
    decode_windows = ClipReader.decode_windows

    def counted(reader: ClipReader, entry, windows, factor=1):  # type: ignore[no-untyped-def]
        decoded[entry.id] += 1
        return decode_windows(reader, entry, windows, factor)

    monkeypatch.setattr(ClipReader, "decode_windows", counted)
    evaluate(finetuned, data=finished.folder, config=CONTROLS, out=tmp_path / "eval")

    assert set(decoded.values()) == {6}  # real, static, shuffle, reverse, mean, blank
    assert len(decoded) == len(finished.subset("1", "train"))


def test_score_controls_is_the_same_with_workers(
    battery: tuple[Path, list[ControlReport]],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
) -> None:
    config = CONTROLS.model_copy(update={"num_workers": 1, "batch_size": 3})

    evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "eval")

    assert (tmp_path / "eval/controls.csv").read_text() == (battery[0] / "controls.csv").read_text()


def test_score_controls_of_a_v_classifier_judges_motion_alone(
    finished: PreparedDataset,
    make_finetune_config: Callable[..., FinetuneConfig],
    tmp_path: Path,
) -> None:
    run = finetune(
        make_finetune_config(modality="v", train={"epochs": 1, "num_workers": 0, "device": "cpu"}),
        data=finished.folder,
        out=tmp_path / "v",
        init=None,
    )

    evaluate(run, data=finished.folder, config=CONTROLS, out=tmp_path / "eval")

    found = json.loads((tmp_path / "eval/controls.json").read_text())
    assert {key for key, each in found["verdict"].items() if each["verdict"] != "not measured"} == {
        "motion"
    }
    assert (found["shapley"], found["perceptual_score"]) == (None, None)
    assert len(table(tmp_path / "eval")) == 3 * 6
    config = PLAIN.model_copy(update={"audio": "shuffle"})
    with pytest.raises(UsageError, match="--audio shuffle: the classifier gets no audio with mod"):
        evaluate(run, data=finished.folder, config=config, out=tmp_path / "other")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"audio": "null"}, r"--controls: .* \(got --audio null too"),
        ({"frames": "static"}, r"\(got --frames static too"),
        ({"modality": "v"}, r"\(got --modality v too"),
    ],
)
def test_score_controls_with_a_mode_is_refused(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, change: dict[str, str], part: str
) -> None:
    with pytest.raises(UsageError, match=part):
        evaluate(
            finetuned,
            data=finished.folder,
            config=CONTROLS.model_copy(update=change),
            out=tmp_path / "eval",
        )


def test_evaluate_that_replaces_a_battery_deletes_its_files(
    battery: tuple[Path, list[ControlReport]],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(battery[0], tmp_path / "eval"))
    with pytest.raises(UsageError, match="results of another controls"):
        evaluate(finetuned, data=finished.folder, config=PLAIN, out=folder)

    evaluate(finetuned, data=finished.folder, config=PLAIN, out=folder, overwrite=True)

    assert not (folder / "controls.json").exists()
    assert not (folder / "controls.csv").exists()
