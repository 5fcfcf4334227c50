"""`avme config`: list, show, write and check settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

import typer

from avme.errors import UsageError

from . import options
from .terminal.output import print_line, print_text, verbatim

if TYPE_CHECKING:
    from avme.config import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, show, write and check settings.",
    epilog="Example:\n    avme config show pretrain",
)

Stage = Annotated[Literal["prep", "pretrain", "finetune", "eval"], typer.Argument(help="Stage.")]
Preset = Annotated[
    options.Preset | None,
    typer.Option(metavar="NAME", help="Preset: model size and recipe; see `avme config list`."),
]
Yaml = Annotated[Path, typer.Argument(help="YAML file of settings.")]

_STAGES: Final = ("prep", "pretrain", "finetune", "eval")


def _complete(begun: str) -> list[str]:
    """Return stages and presets with this prefix, for shell completion."""
    return [name for name in (*_STAGES, *get_args(options.Preset)) if name.startswith(begun)]


@app.command("list", epilog="Example:\n    avme config list")
def list_presets() -> None:
    """List the presets, one per line."""
    from avme.config.presets import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        print_line(f"{name:{width}}  {recipe.summary}")


@app.command(
    epilog="""Examples:
    avme config show pretrain
    avme config show finetune --preset tiny --set optim.lr=1e-3
    avme config show paper
    avme config show base --stage pretrain --set train.batch_size=64 --probe"""
)
def show(
    ctx: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="STAGE|PRESET",
            help="Stage or preset; all stages if omitted.",
            autocompletion=_complete,
        ),
    ] = None,
    preset: Preset = None,
    config: options.Config = None,
    sets: options.Sets = None,
    stage: Annotated[
        Literal["pretrain", "finetune"] | None,
        typer.Option(help="Show only this stage of a preset.", show_default="both"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Dataset for the number of steps.", show_default="the preset's own"),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Time some steps on this machine and estimate the hours."),
    ] = False,
) -> None:
    """Show every setting of a stage with its meaning; with --preset, --config or --set the result.

    For a preset, show every value with its source, and the numbers derived from them.
    """
    from avme.config.presets import RECIPES

    if what in RECIPES:
        if preset:
            raise UsageError(f"{what} is a preset itself: leave --preset out")
        if (config or sets) and stage is None:
            raise UsageError("--config and --set need one stage: add --stage pretrain or finetune")
        from . import preset_report

        stages = (stage,) if stage else ("pretrain", "finetune")
        preset_report.show(what, stages, config, sets, data, ctx.obj if probe else None)
        return
    if stage or data or probe:
        raise UsageError(f"--stage, --data and --probe need a preset: {', '.join(RECIPES)}")
    _show_stages(ctx, what, preset, config, sets)


@app.command(epilog="Example:\n    avme config init pretrain pretrain.yaml --preset small")
def init(stage: Stage, file: Yaml, preset: Preset = None, sets: options.Sets = None) -> None:
    """Write a YAML file with every setting and its meaning, and with --preset its source."""
    from avme.config.docs import commented_yaml
    from avme.config.presets import sources_of
    from avme.io.atomic import write_text

    if file.exists():
        raise UsageError(f"{file} exists: choose another name")
    title = f"Settings of `avme {stage}`: delete what you do not change."
    settings = _resolved(stage, preset, None, sets)
    known = sources_of(stage, preset, settings) if preset else None
    write_text(file, commented_yaml(settings, title, known))
    print_line(file)


@app.command(epilog="Example:\n    avme config validate pretrain pretrain.yaml")
def validate(ctx: typer.Context, stage: Stage, file: Yaml, preset: Preset = None) -> None:
    """Check a YAML file against the settings of a stage."""
    _warn(ctx, _resolved(stage, preset, file, None))
    print_line(f"{file} is good for avme {stage}")


def _show_stages(
    ctx: typer.Context,
    what: str | None,
    preset: str | None,
    config: Path | None,
    sets: list[str] | None,
) -> None:
    from avme.config.resolve import to_yaml

    if what and what not in _STAGES:
        raise UsageError(
            f"{what} is neither a stage ({', '.join(_STAGES)}) nor a preset (`avme config list`)"
        )
    if what and (preset or config or sets):
        settings = _resolved(what, preset, config, sets)
        _warn(ctx, settings)
        print_text(to_yaml(settings))
        return
    if preset or config or sets:
        raise UsageError(f"--preset, --config and --set need a stage: {', '.join(_STAGES)}")
    for name in [what] if what else _STAGES:
        _print_meanings(name)


def _warn(ctx: typer.Context, settings: "Settings") -> None:
    """Report settings of a training stage with which it learns little."""
    from avme.config import FinetuneConfig, PretrainConfig
    from avme.train.setting_warnings import setting_warnings

    if isinstance(settings, PretrainConfig | FinetuneConfig):
        for warning in setting_warnings(settings):
            ctx.obj.log(warning)


def _model(stage: str) -> "type[Settings]":
    from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig

    models: dict[str, type[Settings]] = {
        "prep": PrepConfig,
        "pretrain": PretrainConfig,
        "finetune": FinetuneConfig,
        "eval": EvalConfig,
    }
    return models[stage]


def _resolved(
    stage: str, preset: str | None, config: Path | None, sets: list[str] | None
) -> "Settings":
    from avme.config.presets import STAGES
    from avme.config.presets import preset as settings_of
    from avme.config.resolve import resolve

    if preset and stage not in STAGES:
        raise UsageError(f"{stage} has no presets: leave --preset out")
    chosen = settings_of(stage, preset) if preset else None
    return resolve(_model(stage), preset=chosen, file=config, sets=sets or ())


def _print_meanings(stage: str) -> None:
    from rich import box
    from rich.table import Table

    from avme.config.docs import describe

    table = Table(title=f"avme {stage}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("default")
    table.add_column("meaning (what it takes)", overflow="fold")
    for row in describe(_model(stage)):
        table.add_row(row.key, row.default, f"{row.doc} ({row.accepts})".strip())
    verbatim().print(table)
