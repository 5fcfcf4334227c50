"""Options and launch of `avme pretrain` and `avme finetune`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avme.errors import UsageError

from . import options, preflight
from .launch import torchrun
from .slurm import train

if TYPE_CHECKING:
    from avme.config import FinetuneConfig, PretrainConfig, Settings
    from avme.config.dotted_keys import Leaves

Slurm = Annotated[
    bool,
    typer.Option(
        "--slurm",
        help="Submit a Slurm job that resumes after its time limit, and return.",
        rich_help_panel=options.MACHINE,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Options of both commands."""

    ctx: typer.Context
    data: options.Data = None
    epochs: options.Epochs = None
    batch: options.Batch = None
    lr: options.Lr = None
    split: options.Split = None
    protocol: options.Protocol = None
    seed: options.Seed = None
    wandb: options.Wandb = None
    resume: options.Resume = False
    overwrite: options.Overwrite = False
    config: options.Config = None
    sets: options.Sets = None
    gpus: options.Gpus = None
    procs: options.Procs = None
    device: options.Device = None
    precision: options.Precision = None
    compile: options.Compile = None
    workers: options.Workers = None
    slurm: Slurm = False

    def flags(self) -> dict[str, Any]:
        """Return the settings that the options set."""
        return {
            "train.device": torchrun.device_setting(self.device, self.gpus, self.procs),
            "train.epochs": self.epochs,
            "train.batch_size": self.batch,
            "optim.lr": self.lr,
            "clip.split": self.split,
            "train.protocol": self.protocol,
            "train.seed": self.seed,
            "train.wandb": self.wandb,
            "train.precision": self.precision,
            "train.compile": self.compile,
            "train.num_workers": self.workers,
        }

    def preflight(self, model: "type[Settings]", dataset: Path) -> "Leaves":
        """Check the arguments as far as possible without torch; return the given settings."""
        from avme.config.resolve import given_settings

        given = given_settings(model, file=self.config, sets=self.sets or (), flags=self.flags())
        preflight.require_split(dataset, given.get("clip.split"))
        if not self.slurm:  # otherwise another machine computes
            preflight.require_gpus(self.gpus)
            preflight.require_device(given.get("train.device"))
        else:
            train.refuse_gpus_with_procs(given)
        return given

    def elsewhere(
        self,
        folder: Path,
        settings: "PretrainConfig | FinetuneConfig",
        check: Callable[[int], object],
    ) -> bool:
        """Return True if other processes do the work: a Slurm job, or torchrun's ranks.

        Args:
            folder: Run folder.
            settings: Settings of the stage.
            check: Raises the errors of a job with that many ranks, before it is submitted.
        """
        if not self.slurm:
            preflight.require_run_folder(folder, resume=self.resume, overwrite=self.overwrite)
            return torchrun.launch_ranks(self.gpus, self.procs, folder)
        if self.gpus is not None or self.procs is not None:
            raise UsageError(
                "--slurm starts the processes itself: give their number with --set slurm.gpus=N "
                "(or slurm.procs=N) and slurm.nodes=N"
            )
        settings.slurm.require_time_to_train()
        _, processes = train.devices(settings.slurm, settings.train.device)
        preflight.require_run_folder(folder, resume=self.resume, overwrite=self.overwrite)
        check(settings.slurm.nodes * processes)
        train.submit_training(
            settings.slurm,
            device=settings.train.device,
            run=folder,
            resume=self.resume,
            overwrite=self.overwrite,
            command=self.ctx.command_path,
            report=self.ctx.obj,
        )
        return True
