"""Demo: all stages on a small synthetic dataset.

A class is a combination of something visible and something audible, so that each modality alone
reaches a third on average. One classifier with unimodal heads gives all rows of the table. Every
stage is announced with the equivalent command.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve
from avme.errors import Interrupted, StoppedBySignal, UsageError
from avme.figures.curves import draw_curves
from avme.figures.drawing import draw_or_warn
from avme.io.atomic import read_json
from avme.io.filenames import RUN_STATUS
from avme.io.run_status import write_status
from avme.io.shell_quote import join_command
from avme.io.symlinks import require_no_links
from avme.media.synthetic import SEEN, make_set, plan_set
from avme.media.synthetic_audio import HEARD
from avme.prep.request import Request
from avme.progress import NullReporter, Reporter
from avme.reconstruction.gallery import draw_reconstructions
from avme.report.write import REPORT
from avme.stages.evaluate import EvalResult, evaluate
from avme.stages.finetune import finetune
from avme.stages.page import write_page
from avme.stages.prep import prepare
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from avme.weights.provenance import starting_point

STAGE = "demo"
SCORED: Final = ("v", "a", "product", "av")
"""Outputs of the classifier: heads of one modality, their product, both fused."""
_PRESET = "demo"
_PARTS = ("videos", "data", "runs", "pictures")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSizes:
    """Size of the demo; the defaults take minutes on two cores."""

    groups: tuple[int, ...] = tuple(range(1, 26))
    """Number of groups, numbered as UCF-101's: the first seven are the test set."""
    clips_per_group: int = 1
    """Clips per class and group."""
    pretrain_epochs: int = 30
    finetune_epochs: int = 25


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Result table and figures."""

    rows: list[tuple[str, float, float]]
    """(name, top-1, top-5) for chance and for every modality."""
    pictures: list[Path]
    page: Path | None
    """HTML page of all runs; None if it could not be written."""


def demo(
    out: Path,
    *,
    overwrite: bool = False,
    seed: int = 0,
    sizes: DemoSizes | None = None,
    report: Reporter | None = None,
) -> DemoResult:
    """Run every stage inside `out`; status.json has the final state.

    Args:
        out: Folder to write.
        overwrite: Replace an earlier demo.
        seed: Seed of data and training.
        sizes: Size of the demo.
        report: Receives progress.

    Raises:
        UsageError: `out` is in use.
        ConfigError: `seed` is out of range.
        StoppedBySignal: A signal stopped a training stage; Interrupted for Ctrl-C.
    """
    resolve(PretrainConfig, flags={"train.seed": seed})  # before a folder is made
    work = _Demo(open_folder(out, overwrite), seed, sizes or DemoSizes(), report or NullReporter())
    try:
        return work.run()
    except (StoppedBySignal, KeyboardInterrupt) as error:
        _write_end(out, "stopped", str(error) or "interrupted")
        if not isinstance(error, StoppedBySignal):
            raise
        name = "Ctrl-C" if isinstance(error, Interrupted) else "a signal"
        raise type(error)(  # the stage's own command was not typed by the user
            f"stopped by {name}: run the same command with --overwrite to start from the beginning"
        ) from error
    except BaseException as error:
        _write_end(out, "failed", f"{type(error).__name__}: {error}")
        raise


def open_folder(out: Path, overwrite: bool) -> Path:
    """Prepare the folder; with `overwrite` an earlier demo in it is deleted.

    Raises UsageError if it is in use, and ArtifactError if it contains symlinks.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, expected a folder: choose another with --out")
    require_no_links(out)
    if out.is_dir() and any(out.iterdir()):
        marker = out / RUN_STATUS
        if not marker.is_file() or read_json(marker).get("stage") != STAGE:
            raise UsageError(
                f"{out} is not empty and was not written by avme demo: choose another with --out"
            )
        if not overwrite:
            raise UsageError(
                f"{out} holds a demo: --overwrite replaces it, --out chooses another folder"
            )
        # first, so that an incomplete demo never looks finished
        write_status(out, STAGE, "running")
        for name in _PARTS:
            shutil.rmtree(out / name, ignore_errors=True)
    write_status(out, STAGE, "running")
    return out


def _write_end(out: Path, state: str, reason: str) -> None:
    with suppress(OSError):  # full disk; the original error matters more
        write_status(out, STAGE, state, reason=reason)


@dataclass(frozen=True, slots=True)
class _Demo:
    out: Path
    seed: int
    sizes: DemoSizes
    report: Reporter

    @property
    def data(self) -> Path:
        return self.out / "data" / STAGE

    def run(self) -> DemoResult:
        self.make_and_prepare()
        pretrained = self.pretrain()
        classifier = self.finetune(pretrained)
        scored = {name: self.score(classifier, name) for name in SCORED}
        count = len(SEEN) * len(HEARD)
        rows = [("chance", 1 / count, 5 / count)]
        for name, result in scored.items():
            rows.append((name, result.summary["top1"], result.summary["top5"]))
        pictures = self.draw(pretrained, classifier, scored)
        runs = [pretrained, classifier]
        page = write_page(runs, self.data, self.report, out=self.out / REPORT)
        write_status(self.out, STAGE, "finished")
        return DemoResult(rows, pictures, page)

    def make_and_prepare(self) -> None:
        clips = plan_set(self.sizes.groups, self.sizes.clips_per_group, self.seed)
        videos = self.out / "videos"
        self.report.log(
            f"{len(clips)} videos: {len(SEEN)} video patterns ({', '.join(SEEN)}), each with "
            f"{len(HEARD)} audio patterns ({', '.join(HEARD)})"
        )
        make_set(clips, videos, self.report)
        self._log(["prep", "ucf101", str(videos), "--out", str(self.data)])
        out = self.data.parent
        request = Request("ucf101", videos, out=out, name=STAGE, config=PrepConfig())
        prepare(request, report=self.report)

    def pretrain(self) -> Path:
        out, epochs = self.out / "runs" / "pretrain", self.sizes.pretrain_epochs
        settings = resolve(
            PretrainConfig,
            preset=preset("pretrain", _PRESET),
            flags={"train.epochs": epochs, "train.seed": self.seed},
        )
        command = ["pretrain", "--preset", _PRESET, *self._common(out, epochs)]
        return pretrain(
            settings,
            data=self.data,
            out=out,
            preset=_PRESET,
            command=self._log(command),
            report=self.report,
        )

    def finetune(self, pretrained: Path) -> Path:
        out, epochs = self.out / "runs" / "finetune", self.sizes.finetune_epochs
        start = starting_point(pretrained)
        settings = resolve(
            FinetuneConfig,
            base={"model": start["model"], "clip": start["clip"]},
            preset=preset("finetune", _PRESET, only_recipe=True),
            flags={"train.epochs": epochs, "train.seed": self.seed},
        )
        command = ["finetune", "--from", str(pretrained), *self._common(out, epochs)]
        return finetune(
            settings,
            data=self.data,
            out=out,
            init=pretrained,
            preset=_PRESET,
            command=self._log(command),
            report=self.report,
        )

    def score(self, run: Path, output: str) -> EvalResult:
        config = EvalConfig.model_validate({"topk": (1, 5), "crops": 1, "modality": output})
        command = ["eval", str(run), "--data", str(self.data), "--modality", output]
        self._log([*command, "--crops", "1", "--topk", "1", "5"])
        return evaluate(run, data=self.data, config=config, report=self.report)

    def draw(
        self, pretrained: Path, classifier: Path, scored: Mapping[str, EvalResult]
    ) -> list[Path]:
        folder = self.out / "pictures"
        made = draw_reconstructions(
            pretrained, self.data, folder / "reconstruction.png", report=self.report
        )
        pictures = [] if made is None else [made]
        curves, lines = folder / "curves.png", read_metrics(classifier / "metrics.jsonl")
        levels = {"one pattern known": 1 / len(SEEN), "chance": 1 / len(SEEN) / len(HEARD)}
        before, title = read_metrics(pretrained / "metrics.jsonl"), self.title_of_curves(scored)

        def draw(path: Path) -> None:
            draw_curves(path, before, {"av": lines}, title, levels)

        if draw_or_warn(curves, draw, self.report):
            pictures.append(curves)
        for name, result in scored.items():
            drawn, copy = result.folder / "confusion.png", folder / f"confusion-{name}.png"
            if drawn.is_file():  # otherwise a warning named it
                shutil.copyfile(drawn, copy)
                pictures.append(copy)
        return pictures

    def title_of_curves(self, scored: Mapping[str, EvalResult]) -> str:
        summary = next(iter(scored.values())).summary
        tops = ", ".join(f"{name} {100 * r.summary['top1']:.1f} %" for name, r in scored.items())
        where = f"{summary['dataset']}, split {summary['split']}"
        runs = f"pretrain and finetune, seed {self.seed}"
        return f"{where}: test top-1 of n = {summary['n']} clips: {tops}\n{runs}"

    def _common(self, out: Path, epochs: int) -> list[str]:
        options = {"data": self.data, "out": out, "epochs": epochs, "seed": self.seed}
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]

    def _log(self, arguments: list[str]) -> list[str]:
        """Announce the command of the next stage, and return it."""
        command = ["avme", *arguments]
        self.report.log("")
        self.report.log(f"$ {join_command(command)}")
        return command
