"""A preset, shown: every value with its source, and what follows in true numbers."""

import re
from collections.abc import Callable

import pytest
from torch import nn
from typer.testing import CliRunner

from avme.bench import run_estimate
from avme.bench.run_estimate import DatasetSize, derive
from avme.bench.throughput import Throughput
from avme.config import PretrainConfig
from avme.config.presets import RECIPES, preset
from avme.config.resolve import resolve
from avme.models.build import build_model
from avme_cli.app import app
from avme_cli.preset_report import duration, on_this_device

pytestmark = pytest.mark.slow


@pytest.fixture
def make_rehearsal() -> Callable[[float], Throughput]:
    def make(share: float) -> Throughput:
        return Throughput(
            device="CPU, 2 threads",
            precision="float32",
            batch=2,
            clip_seconds=0.5,
            update_seconds=8.0,
            share=share,
            max_clips_per_second=None,
        )

    return make


def of_one_block(settings: run_estimate.Training, num_classes: int) -> nn.Module:
    """The model of the settings, with one block of each kind."""
    model = settings.model
    blocks = {"depth": 1}
    shallow = {
        "visual": model.visual.model_copy(update=blocks),
        "audio": model.audio.model_copy(update={"blocks": (1,) * len(model.audio.blocks)}),
        "decoder": model.decoder.model_copy(update=blocks),
    }
    changed = settings.model_copy(update={"model": model.model_copy(update=shallow)})
    return build_model(changed, num_classes)


def show(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["config", "show", *args], prog_name="avme", env={"COLUMNS": "160"}
    )
    return result.exit_code, re.sub(r" +", " ", result.stdout), result.stderr


@pytest.mark.parametrize("name", RECIPES)
def test_preset_report_of_every_preset_is_printed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_estimate, "build_model", of_one_block)  # counting takes a second else

    code, text, _ = show(name)

    assert code == 0
    assert text.startswith(f"{name}: ")
    assert f"avme pretrain --preset {name}" in text
    assert f"avme finetune --preset {name}" in text
    assert text.count("derived") == 2


def test_preset_report_prints_values_beside_their_sources() -> None:
    _, text, _ = show("paper", "--stage", "pretrain")

    assert "\n mask.ratio 0.9 paper III-B, III-F" in text
    assert "\n train.epochs 1200 paper IV-C: around 1200" in text
    assert "avme finetune --preset" not in text


def test_preset_report_derives_the_values_of_videomae_on_ucf101() -> None:
    _, text, _ = show("videomae-ucf101")
    pretrain, finetune = text.split("avme finetune --preset")

    assert "learning rate 0.000225 falling to 7.5e-06 (0.0003 and 1e-05 x 192 / 256)" in pretrain
    assert "steps 49 an epoch x 3,201 = 156,849, 1,960 of them warm-up" in pretrain
    assert "hidden 75.00% of 196 places: 147" in pretrain
    assert "tokens 1,568 (8 x 14 x 14): 392 seen, 1,176 hidden" in pretrain
    assert "learning rate 0.00025 falling to 5e-06" in finetune
    assert "steps 74 an epoch x 100 = 7,400, 370 of them warm-up" in finetune
    assert "held out no clip: the last epoch is used" in finetune
    assert "an epoch 9,537 clips x 2 windows // 256" in finetune
    assert "forward 360.7 GFLOP a clip" in finetune


def test_preset_report_shows_the_held_out_clips() -> None:
    _, known, _ = show("base", "--stage", "finetune")
    _, other, _ = show("base", "--stage", "finetune", "--set", "val_fraction=0.2")

    assert "held out 951 of 9,537 clips, by group, to choose the epoch" in known
    assert "an epoch 8,586 clips // 128" in known
    assert "held out about 1,907 of 9,537 clips" in other
    assert "an epoch about 7,630 clips // 128" in other


def test_preset_report_shows_the_labels_that_are_used() -> None:
    _, text, _ = show("base", "--stage", "finetune", "--set", "label_fraction=0.1")

    assert "label_fraction 0.1 given" in text
    assert "held out about 951 of 9,537 clips, by group" in text
    assert "labels about 859 of 8,586 clips, by class" in text
    assert "an epoch about 859 clips // 128" in text
    assert "steps 6 an epoch" in text


def test_preset_report_marks_given_values_and_updates_derived_ones() -> None:
    code, text, _ = show("tiny", "--stage", "pretrain", "--set", "train.batch_size=64")

    assert code == 0
    assert "\n train.batch_size 64 given \n" in text
    assert "learning rate 0.001 falling" in text
    assert "steps not known without a set: --data" in text


def test_preset_report_with_probe_shows_speed_and_hours() -> None:
    small = ["clip.image_size=16", "model.visual.depth=1", "train.device=cpu", "train.batch_size=4"]
    sets = [word for value in small for word in ("--set", value)]

    code, text, err = show("digits", "--stage", "finetune", "--probe", *sets)

    assert code == 0
    assert re.search(r"device CPU, \d+ threads, float32, 4 clips at a time", text)
    assert re.search(r"speed [\d,.e+]+ clips/s, [\d.e-]+ TFLOP/s, an update [\d.e-]+ s", text)
    assert re.search(r"estimate [\d,.e-]+ \w+ on this device alone", text)
    assert "left out loading, validation, checkpoints" in text
    assert "measure throughput" in err


def test_preset_report_on_busy_machine_warns_and_corrects(
    make_rehearsal: Callable[[float], Throughput],
) -> None:
    settings = resolve(PretrainConfig, preset=preset("pretrain", "digits"))
    derived = derive(settings, 10, DatasetSize(3600))

    quiet, busy = (
        {name: words for name, words in on_this_device(settings, derived, make_rehearsal(share))}
        for share in (0.9, 0.25)
    )

    hours = 4500 * (16 * 0.5 + 8.0) / 3600
    assert quiet["estimate"] == f"{hours:.3g} hours on this device alone"
    assert "busy" not in quiet
    assert busy["busy"] == (
        f"it worked 25% of its threads' time, {hours / 4:.3g} hours if other work took the rest"
    )


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.5, "30 minutes"), (1.5, "1.5 hours"), (99.0, "99 hours"), (2400.0, "100 days")],
)
def test_duration_is_printed_in_a_suitable_unit(hours: float, words: str) -> None:
    assert duration(hours) == words


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["paper", "--preset", "tiny"], "error: paper is a preset itself"),
        (["paper", "--set", "train.batch_size=64"], "error: --config and --set need one stage"),
        (["pretrain", "--probe"], "error: --stage, --data and --probe need a preset: tiny"),
        (["papr"], "error: papr is neither a stage (prep, pretrain, finetune, eval) nor a preset"),
        (["paper", "--data", "nowhere"], "error: --data nowhere: no such folder"),
    ],
)
def test_preset_report_with_wrong_value_is_one_line_and_code_2(args: list[str], line: str) -> None:
    code, _, err = show(*args)

    assert code == 2
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_preset_report_of_short_run_shows_the_warm_up_in_use() -> None:
    short, long = ("--set", "train.epochs=20"), ("--set", "optim.warmup_epochs=40")

    _, limited, _ = show("base", "--stage", "pretrain", *short)
    _, asked, _ = show("base", "--stage", "pretrain", *short, *long)
    _, plain, _ = show("pretrain", *short)

    assert "optim.warmup_epochs 2.0 40 in the recipe, limited by train.epochs" in limited
    assert "rises for 20 of 20 epochs" not in limited
    assert "rises for 20 of 20 epochs" in asked
    assert not re.search(r"^ ?warning", limited, re.MULTILINE)
    assert "warmup_epochs: 2.0" in plain


def test_preset_report_warns_of_few_visible_places() -> None:
    _, text, _ = show("base", "--stage", "pretrain", "--set", "mask.ratio=0.99")

    assert re.search(r"^ ?warning mask.ratio 0.99: 2 of 196 places are visible", text, re.MULTILINE)
