"""Report of a preset: its settings with sources, and the numbers derived from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import paths
from .terminal.output import print_line
from .terminal.table import print_facts

if TYPE_CHECKING:
    from avme.bench.run_estimate import Derived
    from avme.bench.throughput import Throughput
    from avme.config import FinetuneConfig, PretrainConfig
    from avme.config.presets import Recipe
    from avme.progress import Reporter

Rows = list[tuple[str, ...]]
_BUSY = 0.7


def show(
    name: str,
    stages: Sequence[str],
    config: Path | None,
    sets: list[str] | None,
    data: str | None,
    report: "Reporter | None",
) -> None:
    """Print a preset's description, and its settings for each stage.

    Args:
        name: Preset.
        stages: Stages to show.
        config: Settings file, if any.
        sets: Values of `--set`.
        data: Dataset to count steps on, if any.
        report: With it some steps are timed.
    """
    from avme.config.presets import recipe

    chosen = recipe(name)
    print_line(f"{name}: {chosen.summary}")
    if chosen.clips:
        clips = chosen.clips
        counted = f"{clips.train:,} train clips of {clips.classes} classes ({clips.source})"
        print_line(f"made for {clips.name}: {counted}")
    if chosen.starts_from:
        print_line(f"begins with {chosen.starts_from}: --init FILE")
    for stage in stages:
        _show_stage(stage, name, chosen, config, sets, data, report)
    print_line("Sources that end in .sh and .py: github.com/MCG-NJU/VideoMAE at 14ef8d8.")
    if chosen.differs:
        print_line()
        print_line("Otherwise in its origin:")
        for line in chosen.differs:
            print_line(f"  {line}")
    if chosen.commands:
        print_line()
        print_line("From videos to top-1:")
        for line in chosen.commands:
            print_line(f"  {line}")


def _show_stage(
    stage: str,
    name: str,
    chosen: "Recipe",
    config: Path | None,
    sets: list[str] | None,
    data: str | None,
    report: "Reporter | None",
) -> None:
    from avme.config.presets import STAGES, preset
    from avme.config.resolve import resolve

    model = STAGES[stage]
    settings: Any = resolve(model, preset=preset(stage, name), file=config, sets=sets or ())
    folder = None if data is None else paths.dataset(data)

    from avme.bench.run_estimate import derive, training_clips, training_clips_of

    count, classes = None, chosen.clips.classes if chosen.clips else 101
    if folder is not None:
        count, classes = training_clips_of(settings, folder)
    elif chosen.clips:
        count = training_clips(settings, chosen.clips)
    derived = derive(settings, classes, count)
    print_facts(f"avme {stage} --preset {name}", _settings(stage, name, settings))
    print_facts("derived", what_follows(settings, derived))
    if report is not None:
        from avme.bench.throughput import measure_throughput

        measured = measure_throughput(settings, derived, classes, report=report)
        print_facts("on this device", on_this_device(settings, derived, measured))


def _settings(stage: str, name: str, settings: Any) -> Rows:
    from avme.config.docs import yaml_value
    from avme.config.dotted_keys import flatten
    from avme.config.presets import sources_of
    from avme.config.resolve import leaf_fields

    found = flatten(settings.model_dump(mode="json"))
    known = sources_of(stage, name, settings)
    return [
        (key, yaml_value(found[key]), known[key])
        for key in leaf_fields(type(settings))
        if key in known
    ]


def what_follows(settings: "PretrainConfig | FinetuneConfig", derived: "Derived") -> Rows:
    """Format rates, steps, tokens, parameters and operations."""
    from avme.train.setting_warnings import setting_warnings

    optim, train = settings.optim, settings.train
    scale = f"x {train.batch_size} / 256"
    rows: Rows = [
        (
            "learning rate",
            f"{derived.peak_rate:.4g} falling to {derived.last_rate:.4g}"
            f" ({optim.lr:g} and {optim.min_lr:g} {scale})",
        )
    ]
    if optim.layer_decay != 1.0:
        lowest, first, above = (derived.layer_rates[i] for i in (0, 1, -1))
        rows.append(
            (
                "by layer",
                f"embedding {lowest:.3g}, first block {first:.3g}, last block "
                f"{derived.layer_rates[-2]:.3g}, above {above:.3g}",
            )
        )
    rows += _steps(settings, derived)
    rows += [("warning", each.removeprefix("warning: ")) for each in setting_warnings(settings)]
    grid = derived.grid
    tokens = f"{grid.tokens:,} ({grid.slots} x {grid.rows} x {grid.columns})"
    if derived.mask is not None:
        hidden = derived.mask.num_hidden
        rows.append(
            (
                "hidden",
                f"{derived.mask.effective_ratio:.2%} of {grid.indices} places: {hidden}",
            )
        )
        tokens += f": {(grid.indices - hidden) * grid.slots:,} seen, {hidden * grid.slots:,} hidden"
        if derived.mask.num_predicted < hidden:
            tokens += f", {derived.mask.num_predicted * grid.slots:,} of them predicted"
    rows.append(("tokens", tokens))
    rows.append(("parameters", _parts(derived.parameters, "all", 1e6, "million")))
    flops = derived.flops
    parts = {"all": flops.forward, **flops.parts}
    rows.append(("forward", _parts(parts, "all", 1e9, "GFLOP a clip")))
    rows.append(("and backward", f"{_short(flops.step / 1e9)} GFLOP a clip"))
    if derived.steps is not None:
        rows.append(("whole run", f"{derived.steps.windows * flops.step / 1e18:,.3g} EFLOP"))
    return rows


def _steps(settings: "PretrainConfig | FinetuneConfig", derived: "Derived") -> Rows:
    steps, train = derived.steps, settings.train
    if steps is None:
        return [("steps", "not known without a set: --data")]
    windows = f" x {train.repeat} windows" if train.repeat > 1 else ""
    few = steps.clips * train.repeat < train.batch_size
    again = ": fewer than a step needs, so that they repeat in it" if few else ""
    about = "about " if steps.is_estimate else ""
    listed = steps.clips + steps.held_out + steps.unused
    held_out: Rows = []
    if derived.mask is None:
        share = f"{about}{steps.held_out:,} of {listed:,} clips, by group, to choose the epoch"
        held_out = [("held out", share if steps.held_out else "no clip: the last epoch is used")]
    if steps.unused:
        drawn = f"{about}{steps.clips:,} of {steps.clips + steps.unused:,} clips, by class"
        held_out.append(("labels", drawn))
    return [
        (
            "steps",
            f"{steps.per_epoch:,} an epoch x {train.epochs:,} = {steps.total:,}, "
            f"{steps.warmup:,} of them warm-up",
        ),
        *held_out,
        ("an epoch", f"{about}{steps.clips:,} clips{windows} // {train.batch_size}{again}"),
        ("clips seen", f"{steps.windows:,}"),
    ]


def on_this_device(
    settings: "PretrainConfig | FinetuneConfig", derived: "Derived", measured: "Throughput"
) -> Rows:
    """Format the measured steps and the estimated time of the run.

    Args:
        settings: Settings of the stage.
        derived: Numbers derived from them.
        measured: Measured throughput.
    """
    rows: Rows = [
        ("device", f"{measured.device}, {measured.precision}, {measured.batch} clips at a time"),
        (
            "speed",
            f"{1.0 / measured.clip_seconds:,.3g} clips/s, "
            f"{measured.teraflops(derived):,.3g} TFLOP/s, "
            f"an update {measured.update_seconds:.2g} s",
        ),
    ]
    if measured.mfu is not None:
        rows.append(("MFU", f"{measured.mfu:.0%} of the data sheet's peak"))
    hours = 0.0 if derived.steps is None else measured.hours(settings, derived.steps.total)
    if hours:
        rows.append(("estimate", f"{duration(hours)} on this device alone"))
    if measured.share < _BUSY:
        alone = f", {duration(hours * measured.share)} if other work took the rest" if hours else ""
        rows.append(("busy", f"it worked {measured.share:.0%} of its threads' time{alone}"))
    rows.append(("left out", "loading, validation, checkpoints"))
    return rows


def duration(hours: float) -> str:
    """Format a duration as minutes, hours or days, with at most three digits."""
    if hours < 1.0:
        return f"{hours * 60:.2g} minutes"
    return f"{hours:.3g} hours" if hours < 100.0 else f"{hours / 24:,.0f} days"


def _parts(counts: dict[str, int], whole: str, unit: float, name: str) -> str:
    parts = ", ".join(
        f"{part} {count / unit:,.3g}"
        for part, count in counts.items()
        if part != whole and count >= unit / 1000
    )
    total = counts[whole] / unit
    return f"{_short(total)} {name} ({parts})"


def _short(number: float) -> str:
    return f"{number:,.1f}" if number >= 1.0 else f"{number:.3g}"
