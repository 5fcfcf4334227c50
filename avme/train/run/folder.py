"""Run folder of a training stage: open it, record what runs, resume.

The folder holds config.yaml (as resolved), derived.json (derived from it), command.txt, env.json,
train.log, metrics.jsonl, tb/, checkpoints/, weights.safetensors and status.json.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from avme.checkpoint.file import Checkpoint, newest_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.sampler import require_divisible_batch, require_two_clips
from avme.errors import StoppedBySignal
from avme.io.atomic import sweep, write_json, write_text
from avme.io.filenames import RUN_STATUS
from avme.io.lock import holding
from avme.io.run_status import KILLED, RUN_LOCK, open_run, require_openable, state_of, write_status
from avme.io.shell_quote import join_command
from avme.io.symlinks import own_file, require_no_links
from avme.progress import Logged, NullReporter, Reporter
from avme.system.torch_errors import machine_error, require_memory
from avme.train.distributed.process_group import Distributed
from avme.train.distributed.stop_signals import stop_requests
from avme.train.distributed.watchdog import RankFailure
from avme.train.run.checkpoint_compat import build_on_meta, require_fitting_run
from avme.train.run.environment import environment
from avme.train.run.extend import require_steps_left
from avme.train.run.log_file import log_to_file
from avme.train.run.resume import changed_settings, resume_advice

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Open run folder with the checkpoint to resume from, if any."""

    folder: Path
    stage: str
    checkpoint: Checkpoint | None
    report: Reporter
    """Reporter of the stage, which on rank 0 also writes to train.log."""

    def checkpoint_path(self, name: str) -> Path:
        """Return the path of the checkpoint `name` (last, best, step-N)."""
        return self.folder / "checkpoints" / f"{name}.pt"

    def require_fitting(
        self, build: Callable[[], nn.Module], config: PretrainConfig | FinetuneConfig
    ) -> None:
        """Check the resumed checkpoint against the model that `build` makes, before it is built.

        Raises MismatchError if they differ, and SystemRequirementError if no memory suffices.
        """
        model = build_on_meta(build)
        if self.checkpoint is not None:
            owner = f"the checkpoint of {self.folder}"
            depth = config.model.visual.depth
            require_fitting_run(owner, self.checkpoint, model, config.optim, depth)
        require_memory(model)

    def write_running(self, processes: Distributed, step: int) -> None:
        """Update status.json; for rank 0, which holds the folder's lock."""
        facts = {"step": step, "processes": processes.world}
        write_status(self.folder, self.stage, "running", **facts)

    def write_failed(self, failure: RankFailure) -> None:
        """Record the failure in status.json; every surviving rank writes the same."""
        if (self.folder / RUN_STATUS).is_file():  # another machine may have another disk
            write_status(self.folder, self.stage, "failed", **asdict(failure))


def require_possible(
    config: PretrainConfig | FinetuneConfig,
    facts: Mapping[str, Any],
    *,
    out: Path,
    resume: bool,
    overwrite: bool,
    world: int,
) -> None:
    """Raise the errors of `running` for `world` ranks elsewhere; nothing is written.

    Args:
        config: Settings of the stage.
        facts: Metadata of data and preset.
        out: Run folder.
        resume: Continue the run in it.
        overwrite: Replace the run in it.
        world: Number of ranks.
    """
    _require_shares(config, world)
    require_openable(out, resume=resume, overwrite=overwrite)
    if resume:
        require_no_links(out)
        checkpoint = newest_checkpoint(out, NullReporter().log)
        changed_settings(checkpoint, config, facts, out)
        require_steps_left(config, checkpoint, out)


@contextmanager
def running(
    stage: str,
    config: PretrainConfig | FinetuneConfig,
    facts: Mapping[str, Any],
    *,
    out: Path,
    resume: bool,
    overwrite: bool,
    command: Sequence[str],
    processes: Distributed,
    report: Reporter,
) -> Iterator[RunFolder]:
    """Open the run folder exclusively; on exit status.json has the final state.

    Args:
        stage: `pretrain` or `finetune`.
        config: Settings of the stage.
        facts: Metadata of data and preset.
        out: Run folder.
        resume: Continue the run in it.
        overwrite: Replace the run in it.
        command: Command line, to be printed for resuming.
        processes: Process group.
        report: Reporter of the stage.

    Raises:
        ConfigError: Ranks cannot have equal shares, or a batch norm gets one clip.
        UsageError: The folder is in use.
        MismatchError: The resumed run has other settings or data.
        SystemRequirementError: Memory or disk space is short.
    """
    _require_shares(config, processes.world)
    with stop_requests(), _as_machine_errors(out), ExitStack() as until_end:

        def open_() -> Path:
            if resume:
                require_no_links(out)  # before anything in it is read or written
            lock = holding(out, RUN_LOCK, command=f"avme {stage}")
            state = state_of(out)
            is_new = not out.is_dir()
            if not is_new:
                until_end.enter_context(lock)
            if resume and state is not None and state.startswith(KILLED):
                report.log(f"{out} was {state}")
            folder = open_run(out, stage, resume=resume, overwrite=overwrite)
            if is_new:
                until_end.enter_context(lock)
            if not resume:
                write_status(folder, stage, "running")  # first, as it marks the folder as a run
                write_text(folder / "config.yaml", to_yaml(config))
            return folder

        folder = processes.run_on_rank0(open_)
        if processes.is_rank0:
            write = until_end.enter_context(log_to_file(folder))
            write(f"$ {join_command(command)}")
            report = Logged(report, write)
        checkpoint = None
        if resume:
            log = report.log if processes.is_rank0 else NullReporter().log
            checkpoint = newest_checkpoint(folder, log)
            changed = changed_settings(checkpoint, config, facts, folder)
            newest = checkpoint
            if warning := processes.run_on_rank0(
                lambda: require_steps_left(config, newest, folder)
            ):
                log(warning)
            if changed:
                log(f"changed since the run was started: {', '.join(changed)}")
                if processes.is_rank0:
                    write_text(folder / "config.yaml", to_yaml(config))
        run = RunFolder(folder, stage, checkpoint, report)
        if processes.is_rank0:
            _begin(run, processes, command)
        with _ending_said(run, processes, command), _as_machine_errors(out):
            yield run


def _require_shares(config: PretrainConfig | FinetuneConfig, world: int) -> None:
    require_divisible_batch(config.train.batch_size, world)
    if isinstance(config, FinetuneConfig) and config.head.norm == "batch":
        require_two_clips(config.train.batch_size, config.train.micro_batch_size, world)


@contextmanager
def _as_machine_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        known = machine_error(error, folder)
        if known is None:
            raise
        raise known from error


def _begin(run: RunFolder, processes: Distributed, command: Sequence[str]) -> None:
    for folder in (run.folder, run.folder / "checkpoints"):
        sweep(folder)
    with open(run.folder / "command.txt", "a", encoding="utf-8", opener=own_file) as file:
        file.write(join_command(command) + "\n")
    run.write_running(processes, run.checkpoint.step if run.checkpoint else 0)
    write_json(run.folder / "env.json", environment())


@contextmanager
def _ending_said(run: RunFolder, processes: Distributed, command: Sequence[str]) -> Iterator[None]:
    if processes.watchdog is not None:
        processes.watchdog.last_words = run.write_failed
    try:
        yield
        if processes.is_rank0:
            write_status(run.folder, run.stage, "finished")
    except (StoppedBySignal, KeyboardInterrupt) as error:
        if processes.is_rank0:
            _log.warning("%s", str(error) or "interrupted")
            with suppress(OSError):
                write_status(run.folder, run.stage, "stopped", reason=str(error) or "interrupted")
        if isinstance(error, StoppedBySignal):
            raise type(error)(
                f"{error}: {resume_advice(command, processes, run.folder)}"
            ) from error
        raise
    except BaseException as error:
        failure = processes.failed(error)
        _log.error("%s", failure)
        with suppress(OSError):  # full disk; the original error matters more
            run.write_failed(failure)
        raise
