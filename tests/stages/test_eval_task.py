"""Evaluation that is ready to run, and what is refused before."""

from pathlib import Path

import numpy as np
import pytest

from avme.config import EvalConfig
from avme.data.view_sources import SameFrames
from avme.errors import UsageError
from avme.evaluation.modality import BlankFrames, NullAudio
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.eval_task import open_task
from avme.stages.evaluate import evaluate
from avme.train.distributed.process_group import Distributed

pytestmark = pytest.mark.slow

CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(
    ("topk", "kept", "line"),
    [
        ((1, 5), ["top1"], "top-5 left out: the classifier has 2 classes"),
        ((1, 3, 1, 9), ["top1"], "top-3, top-9 left out: the classifier has 2 classes"),
        ((2,), ["top2"], "top-2 is 100 % for any classifier: the classifier has 2 classes"),
    ],
)
def test_eval_task_with_topk_beyond_classes_omits_it(
    topk: tuple[int, ...],
    kept: list[str],
    line: str,
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
) -> None:
    report, config = Listening(), CONFIG.model_copy(update={"topk": topk, "segments": 1})

    summary = evaluate(
        finetuned, data=finished.folder, config=config, out=tmp_path / "eval", report=report
    ).summary

    assert [key for key in summary if key.startswith("top")] == kept
    assert report.lines == [line]
    header = (tmp_path / "eval" / "per_class.csv").read_text().splitlines()[0]
    assert header == f"class,n,{','.join(kept)}"


def test_eval_task_with_all_topk_beyond_classes_is_refused(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"topk": (3, 5)})

    with pytest.raises(
        UsageError, match=r"the classifier has 2 classes \(got top-3, top-5\): .* 2 or less"
    ):
        evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "eval")
    assert not (tmp_path / "eval").exists()


def test_eval_task_evaluator_with_other_sources_replaces_those_of_the_modality(
    finished: PreparedDataset, finetuned: Path
) -> None:
    task = open_task(
        finetuned,
        names=None,
        data=finished.folder,
        split=None,
        config=CONFIG.model_copy(update={"modality": "v"}),
        report=NullReporter(),
    )

    usual = task.evaluator(Distributed())
    other = task.evaluator(Distributed(), audio=[NullAudio(13)] * 2, frames=BlankFrames())

    assert isinstance(usual.clips.audio[0], NullAudio)
    assert type(usual.clips.frames) is SameFrames
    assert len(other.clips.audio) == 2
    assert isinstance(other.clips.frames, BlankFrames)
    scores = usual.score(task.trained.model, NullReporter(), "eval")
    one, two = other.score_each(task.trained.model, NullReporter(), "eval")
    np.testing.assert_array_equal(one.probability, two.probability)
    assert np.abs(scores.probability - one.probability).max() > 0
