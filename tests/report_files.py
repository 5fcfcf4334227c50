"""Run folders with an evaluation, as small as they can be, and a real browser."""

import json
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

MakeRun = Callable[..., Path]
BROWSER = Path("/usr/bin/chromium")
ESTIMATE = {"mean": 0.1, "interval": [-0.05, 0.3], "n": 10}


class Reader(HTMLParser):
    """Remembers elements, their attributes and their text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    return reader


def part(count: int, top1: float) -> dict[str, Any]:
    return {
        "n": count,
        "top1": top1,
        "top2": 1.0,
        "intervals": {"top1": [max(top1 - 0.1, 0.0), min(top1 + 0.1, 1.0)], "top2": None},
    }


def summary(count: int, **changes: Any) -> dict[str, Any]:
    return {
        **part(count, 0.75),
        "center_view": part(count, 0.5),
        "by_audio": {"audible": part(count - 2, 0.8), "none": part(2, 0.0)},
        "interval_method": {"unit": "group", "groups": 4},
        **{"dataset": "set", "split": "1", "list": "test", "modality": "av", "protocol": "all"},
        **{"audio": "real", "frames": "real", "fingerprint": "f" * 64, "quarantined": 1},
        "views": {"segments": 5, "crops": 3},
        "untrained_classes": [],
        "signature": "avme 0.1.0|set/1/test|n=12,g=4",
        **changes,
    }


def control_row(audio: str, frames: str, degradation: str = "") -> dict[str, Any]:
    values = {"top1": 0.7, "top1_low": 0.5, "top1_high": 0.9}
    values |= {"difference": -0.2, "difference_low": -0.4, "difference_high": 0.1}
    named = {"audio": audio, "frames": frames, "degradation": degradation, "clips": "with audio"}
    return {**named, "n": 10, **values}


def controls() -> dict[str, Any]:
    words = "Whether audio helps is open. Real less null: +1.0 points (-9.0 to +12.0, n = 10)."
    curve = {
        "kind": "jpeg",
        "severities": [0, 1, 2],
        **{name: [ESTIMATE] * 3 for name in ("real", "null", "gain")},
        **{name: ESTIMATE for name in ("area", "growth")},
    }
    return {
        "verdict": {"audio_gain": {"verdict": "cannot tell", "words": words}},
        "table": [
            control_row("real", "real"),
            control_row("null", "real"),
            control_row("real", "static"),
            control_row("real", "real", "jpeg=1"),
        ],
        "degradation": [curve],
    }


@pytest.fixture(scope="session")
def make_results() -> Callable[..., Path]:
    """Write a results folder of `count` clips; each third clip is predicted as the next class."""

    def make(
        folder: Path,
        *,
        classes: Sequence[str] = ("A", "B", "C"),
        count: int = 12,
        clips: Sequence[str] | None = None,
        **changes: Any,
    ) -> Path:
        folder.mkdir(parents=True)
        label = np.arange(count, dtype=np.int64) % len(classes)
        guess = np.where(np.arange(count) % 3 == 2, (label + 1) % len(classes), label)
        probability = np.full((count, len(classes)), 0.1 / max(len(classes) - 1, 1))
        probability[np.arange(count), guess] = 0.9 - 0.001 * (np.arange(count) % 50)
        np.savez(
            folder / "predictions.npz",
            id=np.array(clips or [f"A/c{n}.avi" for n in range(count)]),
            group=np.array([f"g{n // 3}" for n in range(count)]),
            audio=np.array(["audible"] * (count - 2) + ["none"] * 2),
            label=label,
            probability=probability,
            classes=np.array(classes),
        )
        (folder / "summary.json").write_text(json.dumps(summary(count, **changes)))
        (folder / "controls.json").write_text(json.dumps(controls()))
        return folder

    return make


@pytest.fixture(scope="session")
def make_run(make_results: Callable[..., Path]) -> MakeRun:
    """Write a finished fine-tuning run with one evaluation."""

    def make(
        folder: Path, *, stage: str = "finetune", state: str = "finished", **results: Any
    ) -> Path:
        folder.mkdir(parents=True)
        status = {"stage": stage, "state": state, "updated": 0.0}
        (folder / "status.json").write_text(json.dumps(status))
        derived = {"dataset": "set", "protocol": "all", "clips": 24, "total_steps": 30}
        derived |= {"parameters": {"all": 1234567}, "processes": 1}
        (folder / "derived.json").write_text(json.dumps(derived))
        (folder / "config.yaml").write_text("optim:\n  lr: 0.001\n")
        (folder / "command.txt").write_text("avme finetune --data set\n")
        (folder / "env.json").write_text('{"avme": "0.1.0"}')
        (folder / "train.log").write_text("2026-01-01 INFO warning: class B has one clip\n")
        lines = []
        for step in range(1, 31):
            lines.append({"kind": "train", "step": step, "loss": 2.0 / step})
            lines.append({"kind": "validation", "step": step, "top1": step / 40, "loss": 1.0})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "metrics.jsonl").write_text(text + '{"kind": "tra')
        if stage == "finetune":
            make_results(folder / "eval" / "set-split1-test-best-5x3", **results)
        return folder

    return make


@pytest.fixture(scope="session")
def browser(lacking: Callable[[str], NoReturn]) -> Iterator[Any]:
    """Debian's headless Chromium, driven by Playwright."""
    if not BROWSER.is_file():
        lacking(str(BROWSER))
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("the package playwright")
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=str(BROWSER), args=["--no-sandbox"])
        yield launched
        launched.close()
