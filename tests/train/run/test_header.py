"""Before its first step a run says what it is; afterwards train.log holds all that was said."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import AvmeError
from avme.shards.dataset import PreparedDataset
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from avme.train.run.header import Header
from avme.train.schedule import Schedule

MakeConfig = Callable[..., PretrainConfig]
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


class Screen:
    """A reporter that keeps lines and notes in the order in which they came."""

    def __init__(self, fail_after: int = -1) -> None:
        self.shown: list[str] = []
        self.left = fail_after

    def log(self, line: str) -> None:
        self.shown.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Screen"]:
        self.shown.append(f"{title} begins")
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.shown.append(note)
        self.left -= 1
        if self.left == 0:
            raise AvmeError("the disk is gone")


@pytest.fixture(scope="module")
def screen() -> Screen:
    return Screen()


@pytest.fixture(scope="module")
def run(
    screen: Screen,
    finished: PreparedDataset,
    make_pretrain_config: MakeConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Fourteen epochs of one step."""
    config = make_pretrain_config(epochs=14, log_every=5)
    out = tmp_path_factory.mktemp("runs") / "run"
    return pretrain(
        config, data=finished.folder, out=out, command=["avme", "pretrain"], report=screen
    )


@pytest.mark.slow
def test_header_precedes_the_first_step(
    run: Path, screen: Screen, finished: PreparedDataset
) -> None:
    shown = screen.shown[: screen.shown.index("pretrain begins")]
    warnings = [line.split(":")[1].strip() for line in shown if line.startswith("warning: ")]
    header = shown[len(warnings) :]
    assert warnings == ["mask.ratio 0.75", "loss.target normalized"]
    said = dict(line.split(maxsplit=1) for line in header)
    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    listed = (finished.folder / "splits" / "split1-train.txt").read_text().split("\n")[:-1]

    assert list(said) == ["data", "model", "weights", "device", "batch", "schedule", "out"]
    assert said["data"].endswith(f"({finished.folder}), split 1: {len(listed)} train clips")
    learned = sum(v.numel() for k, v in weights.items() if not re.search("running|batches|_pos", k))
    assert said["model"].startswith(f"{learned / 1000:.1f} k parameters (")
    assert said["weights"] == "from scratch"
    assert said["device"].startswith("cpu, 1 process of ")
    assert "14 epochs of " in said["schedule"]
    assert said["out"] == str(run)


@pytest.mark.slow
def test_header_estimate_follows_once_after_ten_steps(run: Path, screen: Screen) -> None:
    at = [n for n, line in enumerate(screen.shown) if line.startswith("estimate: ")]
    first = screen.shown.index("pretrain begins")

    assert len(at) == 1
    assert len([n for n in screen.shown[first + 1 : at[0]] if n.startswith("epoch")]) == 11
    assert re.search(r"\(mean of 10 steps\), .+ for the \d+ steps left$", screen.shown[at[0]])


@pytest.mark.slow
def test_header_run_shows_the_last_loss(run: Path, screen: Screen) -> None:
    last = [line for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "train"][-1]
    notes = [line for line in screen.shown if line.startswith("epoch")]

    assert f"loss {last['loss']:.4f}" in notes[-1]
    assert screen.shown[-1].endswith(f", loss {last['loss']:.4f}")


@pytest.mark.slow
def test_log_file_holds_messages_with_their_time(run: Path, screen: Screen) -> None:
    log = (run / "train.log").read_text().splitlines()
    said = [line for line in screen.shown if not line.startswith(("epoch", "pretrain begins"))]

    assert all(re.match(rf"{STAMP} (INFO|WARNING|ERROR) ", line) for line in log)
    kept = [re.sub(rf"^{STAMP} INFO ", "", line) for line in log]
    assert kept[0] == "$ avme pretrain"
    assert [line for line in kept if line in said] == said
    assert any(re.match(r"pretrain  (\d+)/\1  epoch 14/14  loss ", line) for line in kept)


@pytest.mark.slow
def test_log_file_of_resumed_run_continues_after_the_error(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config, out = make_pretrain_config(epochs=3), tmp_path / "run"
    with pytest.raises(AvmeError, match="the disk is gone"):
        pretrain(config, data=finished.folder, out=out, report=Screen(fail_after=2))
    before = (out / "train.log").read_text()
    screen = Screen()

    pretrain(config, data=finished.folder, out=out, resume=True, report=screen)

    after = (out / "train.log").read_text()
    assert re.search(rf"{STAMP} ERROR .*the disk is gone", before)
    assert after.startswith(before)
    assert "INFO resuming " in after[len(before) :]
    assert any(line.startswith("weights   of this run at step ") for line in screen.shown)


@pytest.mark.slow
def test_fine_tuning_names_its_lists_and_its_start(
    run: Path,
    finished: PreparedDataset,
    make_finetune_config: Callable[..., FinetuneConfig],
    tmp_path: Path,
) -> None:
    screen, config = Screen(), make_finetune_config()

    finetune(config, data=finished.folder, out=tmp_path / "f", init=run, report=screen)

    (data,) = (line for line in screen.shown if line.startswith("data "))
    assert re.search(r": \d+ train, \d+ validation clips$", data)
    assert f"weights   from {run}" in screen.shown


def header(gflop: float, batch: int, steps: int, processes: int = 1) -> Header:
    config = PretrainConfig.model_validate({"train": {"batch_size": batch}})
    return Header(
        config=config,
        dataset="pets",
        folder=Path("data/pets"),
        lists={"train": 12_000},
        protocol="donor: 7 of 9 clips",
        parameters={"all": 94_221_312, "visual": 94_221_312},
        gflop_per_clip=gflop,
        start="from scratch",
        device=torch.device("cpu"),
        precision=torch.bfloat16,
        processes=processes,
        micro_batch_size=8,
        loader_workers=1,
        schedule=Schedule(peak=3e-4, floor=1e-5, warmup_steps=40, total_steps=steps),
        steps_per_epoch=10,
        out=Path("runs/pretrain-pets"),
    )


def test_days_on_a_cpu_are_warned_of_before_the_first_step() -> None:
    """100 GFLOP forward, three times that with the backward pass, 64 clips, 50 GFLOP/s: 384 s."""
    said = header(100.0, 64, 2250).warning(50.0, 0, "base")

    assert said == (
        "warning: about 10 days or more on this CPU (19,200 GFLOP a step at 50 GFLOP/s): take "
        "--preset tiny or small-cpu, which are made for CPUs, or a GPU"
    )
    assert header(100.0, 64, 224).warning(50.0, 0, "base") is None
    assert header(100.0, 64, 2250).warning(50.0, 2100, "base") is None
    assert "tiny" not in str(header(100.0, 64, 2250).warning(50.0, 0, "tiny"))
    assert "about 5 days or more" in str(
        header(100.0, 64, 2250, processes=2).warning(50.0, 0, "base")
    )


def test_header_names_shares_and_micro_batches() -> None:
    said = list(header(1.0, 64, 100, processes=4).lines())

    assert said[:2] == [
        "data      pets (data/pets), split 1: 12,000 train clips",
        "protocol  donor: 7 of 9 clips",
    ]
    assert "batch     64 clips a step = 4 x 16, 8 at a time; peak learning rate 0.0003" in said
    assert any(
        line.startswith("model     94.2 M parameters (visual 94.2 M); 16 fr") for line in said
    )
