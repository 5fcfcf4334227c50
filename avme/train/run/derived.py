"""Numbers derived from settings, data and model of a run, as in derived.json."""

from typing import TYPE_CHECKING, Any

from avme.errors import ArtifactError
from avme.io.atomic import read_json, write_json
from avme.models.complexity import count_gflop, count_parameters
from avme.train.run.resume import changes

if TYPE_CHECKING:
    from avme.train.job import TrainJob
    from avme.train.trainer import Trainer


def model_size(job: "TrainJob") -> dict[str, Any]:
    """Count parameters and operations; only before the model is sharded."""
    return {
        "parameters": count_parameters(job.model),
        "forward_gflop_per_clip": count_gflop(job.model, *job.example),
    }


def write_derived(job: "TrainJob", trainer: "Trainer", size: dict[str, Any]) -> None:
    """Write derived.json; of a resumed run, log what has changed in it.

    Args:
        job: Training job.
        trainer: Its trainer.
        size: Result of `model_size`.
    """
    derived = _derived(job, trainer) | size
    path = job.run.folder / "derived.json"
    if job.run.checkpoint is not None and path.is_file():
        try:
            changed = changes(read_json(path), derived)
        except ArtifactError as error:
            changed = {}
            job.report.log(f"warning: {error}; rewriting it")
        if changed:
            job.report.log(f"changed since: {', '.join(changed.values())}")
    write_json(path, derived)


def _derived(job: "TrainJob", trainer: "Trainer") -> dict[str, Any]:
    settings, schedule = job.config.train, trainer.schedule
    return job.derived | {
        "dataset": job.facts["dataset"],
        "fingerprint": job.facts["fingerprint"],
        "protocol": settings.protocol,
        "clips": len(job.reader.entries),
        "clips_with_audio": sum(entry.has_audio for entry in job.reader.entries),
        "learning_rate": schedule.peak,
        "steps_per_epoch": trainer.steps_per_epoch,
        "total_steps": schedule.total_steps,
        "warmup_steps": schedule.warmup_steps,
        "batch_per_process": settings.batch_size // job.processes.world,
        "processes": job.processes.world,
        "precision": str(trainer.precision).removeprefix("torch."),
    }
