"""Battery of controls of an evaluation: scored, summarized, written and drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avme.data.view_sources import AudioSource, FrameSource
from avme.evaluation.controls.battery import plan_battery, run_battery
from avme.evaluation.controls.degradation_curves import measure_curves
from avme.evaluation.controls.files import ControlReport, summarize_controls
from avme.progress import Reporter
from avme.stages.eval_task import EvalTask
from avme.train.distributed.process_group import Distributed
from avme.train.evaluator import EvalScores


def score_controls(
    task: EvalTask, processes: Distributed, report: Reporter
) -> tuple[EvalScores, ControlReport]:
    """Score the battery; return the scores of the clips as they are, and the report.

    Args:
        task: Classifier and clips.
        processes: Process group.
        report: Receives progress and conditions that are left out.
    """
    model = task.trained.model.to(task.device)

    def score(
        audio: Sequence[AudioSource], frames: FrameSource | None, title: str
    ) -> list[EvalScores]:
        evaluator = task.evaluator(processes, audio=audio, frames=frames)
        return evaluator.score_each(model, report, title)

    outcomes, real = run_battery(
        plan_battery(task.modality.trained, task.degradations),
        task.clips,
        score,
        seed=task.config.control_seed,
        report=report,
    )
    if task.trained.settings.train.protocol == "donor":
        outcomes = replace(outcomes, heard=np.ones_like(outcomes.audible))
    curves = measure_curves(outcomes, task.degradations)
    return real, summarize_controls(outcomes, curves)
