"""Fixtures of `prepare`: a small folder of videos, and the stage with a reporter that remembers."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Fixtures import what they need: the process of pytest-xdist that runs no test reads this file too,
# and would keep all others waiting for torch.
if TYPE_CHECKING:
    from torch import nn

    from avme.config import FinetuneConfig, PretrainConfig
    from avme.shards.dataset import PreparedDataset
    from avme.sources.folder import Layout


class Notes:
    """A reporter that remembers what was said, and how far a bar got."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._total = self._done = 0

    def log(self, line: str) -> None:
        self._lines.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Notes"]:
        self._total, self._done = total, done
        yield self
        self._lines.append(f"{title} {self._done}/{self._total}")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps


@pytest.fixture(scope="session")
def run_prep() -> "Callable[..., PreparedDataset]":
    """Runs `prepare` into `out/set`; what it says goes to `lines`."""
    from avme.config import PrepConfig
    from avme.prep.request import Request
    from avme.sources.find_clips import SourceOptions
    from avme.stages.prep import prepare

    def run(
        source: Path,
        out: Path,
        *,
        lines: list[str] | None = None,
        layout: "Layout" = "ucf101",
        splits: Path | None = None,
        annotations: tuple[Path, ...] = (),
        root: Path | None = None,
        dask: str | None = None,
        retry: bool = False,
        name: str = "set",
        **settings: object,
    ) -> "PreparedDataset":
        config = PrepConfig.model_validate({"num_workers": 2, "shard_clips": 4, **settings})
        report = Notes([] if lines is None else lines)
        beside = SourceOptions(lists=splits, annotations=annotations, root=root)
        request = Request(
            layout, source, out=out, name=name, config=config, beside=beside, retry=retry
        )
        made = prepare(request, dask=dask, report=report)
        assert made is not None
        return made

    return run


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> Path:
    """Two classes, three groups: sound, silence, no track, and clips of two frames."""
    temporary = tmp_path_factory.mktemp("source")
    root, first = temporary / "videos", temporary / "first"
    tone = make_video(first / "Archery__c01.avi", frames=10)
    no_track = make_video(first / "Archery__c02.avi", frames=2, audio=None)
    other_rate = make_video(first / "Bowling__c01.avi", frames=6, fps="30000/1001")
    silent = make_video(first / "Bowling__c02.avi", audio="anullsrc=r=16000:cl=mono")
    for group in (1, 8, 15):
        for made in (tone, no_track, other_rate, silent):
            class_name, _, number = made.stem.split("_")
            target = root / class_name / f"v_{class_name}_g{group:02d}_{number}.avi"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(made, target)
    return root


@pytest.fixture
def source(tmp_path: Path, videos: Path) -> Path:
    """A copy of the videos that a test may change."""
    return Path(shutil.copytree(videos, tmp_path / "videos"))


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    videos: Path,
    run_prep: "Callable[..., PreparedDataset]",
) -> "Iterator[PreparedDataset]":
    """The set that an undisturbed run makes of them; a test that changes it fails the session."""
    made = run_prep(videos, tmp_path_factory.mktemp("finished"))
    before = _contents(made.folder)
    yield made
    assert _contents(made.folder) == before, f"a test changed {made.folder}: use `folder`"


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path, finished: "PreparedDataset") -> Path:
    """A copy of that set, twelve clips in three shards, which a test may damage."""
    return Path(shutil.copytree(finished.folder, tmp_path / "set"))


_TINY = {
    "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 16},
    "model": {
        "visual": {"dim": 32, "depth": 2, "heads": 4, "patch_size": 4},
        "audio": {"widths": (8, 8, 8, 16), "blocks": (1, 1, 1, 1)},
        "fusion": {"heads": 4},
        "decoder": {"dim": 16, "depth": 1, "heads": 2},
    },
}
_TRAIN = {
    "epochs": 4,
    "batch_size": 4,
    "num_workers": 0,
    "log_every": 1,
    "device": "cpu",
    "log_images_every_epochs": None,
}


@pytest.fixture(scope="session")
def count_once() -> Iterator[None]:
    """Count the operations of equal models once, which is a fifth of the shortest trainings."""
    from avme.models.complexity import count_gflop

    known: dict[str, float] = {}

    def count(model: "nn.Module", *inputs: object) -> float:
        key = f"{model}{[tuple(each.shape) for each in model.parameters()]}{inputs}"
        if key not in known:
            known[key] = count_gflop(model, *inputs)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avme.train.run.derived.count_gflop", count)
        yield


@pytest.fixture(scope="session")
def make_pretrain_config(count_once: None) -> "Callable[..., PretrainConfig]":
    """Settings that train for eight steps on the small set; keywords change `train`."""
    from avme.config import PretrainConfig

    def make(**train: object) -> "PretrainConfig":
        optim = {"lr": 0.05, "warmup_epochs": 1}
        return PretrainConfig.model_validate(
            {**_TINY, "optim": optim, "train": {**_TRAIN, **train}, "mask": {"ratio": 0.75}}
        )

    return make


@pytest.fixture(scope="session")
def make_finetune_config(count_once: None) -> "Callable[..., FinetuneConfig]":
    """Settings of a short fine-tuning with one group held out; keywords change the top level."""
    from avme.config import FinetuneConfig

    def make(**settings: object) -> "FinetuneConfig":
        light = {"randaugment_ops": 0, "mixup": 0, "cutmix": 0}
        return FinetuneConfig.model_validate(
            {**_TINY, "train": _TRAIN, "val_fraction": 0.4, "augment": light, **settings}
        )

    return make


@pytest.fixture(scope="session")
def pretrained(
    tmp_path_factory: pytest.TempPathFactory,
    finished: "PreparedDataset",
    make_pretrain_config: "Callable[..., PretrainConfig]",
) -> Path:
    """A finished pretrain run; not to be changed."""
    from avme.stages.pretrain import pretrain

    out = tmp_path_factory.mktemp("runs") / "pretrain"
    return pretrain(make_pretrain_config(), data=finished.folder, out=out, preset="tiny")


@pytest.fixture(scope="session")
def finetuned(
    tmp_path_factory: pytest.TempPathFactory,
    finished: "PreparedDataset",
    pretrained: Path,
    make_finetune_config: "Callable[..., FinetuneConfig]",
) -> Path:
    """A finished fine-tune run; not to be changed."""
    from avme.stages.finetune import finetune

    out = tmp_path_factory.mktemp("runs") / "finetune"
    config = make_finetune_config()
    return finetune(config, data=finished.folder, out=out, init=pretrained, preset="tiny")
