"""Sections of the training runs: their curves, and what made them."""

from typing import Any

from avme.report.curves import Points, line_chart
from avme.report.html import Markup, element
from avme.report.runs import Run
from avme.report.tables import Row, table


def training_section(runs: tuple[Run, ...]) -> Markup:
    """Return the table of runs and their curves; empty without runs."""
    charts = []
    for kind, name, label, stages in (
        ("train", "loss", "Training loss", ("pretrain",)),
        ("train", "loss", "Training loss", ("finetune",)),
        ("validation", "top1", "Validation top-1", ("finetune",)),
        ("validation", "loss", "Validation loss", ("finetune",)),
    ):
        lines = {run.name: _points(run, kind, name) for run in runs if run.stage in stages}
        charts.append(
            line_chart(f"{label} of {stages[0]} runs", lines, "step", name.replace("top1", "top-1"))
        )
    probes = {
        f"{run.name}, {name.removeprefix('knn_')}": _points(run, "probe", name)
        for run in runs
        for name in dict.fromkeys(
            key for line in run.metrics for key in line if key.startswith("knn_")
        )
    }
    charts.append(line_chart("k-NN probe on held-out groups", probes, "step", "top-1"))
    drawn = [chart for chart in charts if chart]
    rows: list[Row] = [
        [
            run.name,
            run.stage,
            run.state,
            str(run.derived.get("dataset", "")),
            str(run.derived.get("protocol", "")),
            _number(run.derived.get("clips")),
            _number(run.derived.get("total_steps")),
            _number(run.derived.get("parameters", {}).get("all")),
            _number(run.derived.get("processes")),
        ]
        for run in runs
    ]
    if not rows:
        return Markup("")
    columns = [
        "run",
        "stage",
        "state",
        "dataset",
        "protocol",
        "train clips",
        "steps",
        "parameters",
        "processes",
    ]
    inner = [table("Runs", columns, rows, name="runs"), element("div", *drawn, class_="grid")]
    return element("section", element("h2", "Training"), *inner, id="training")


def _points(run: Run, kind: str, name: str) -> Points:
    return [
        (float(line["step"]), float(line[name]))
        for line in run.metrics
        if (kind in ("probe", line.get("kind"))) and _is_finite(line.get(name))
    ]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < float("inf")


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def settings_section(runs: tuple[Run, ...]) -> Markup:
    """Return commands, settings and environments; empty without runs."""
    if not runs:
        return Markup("")
    parts = []
    for run in runs:
        parts.append(element("h3", run.name))
        command = run.texts.get("command.txt", "").strip()
        if command:
            parts.append(element("pre", command, tabindex=0, aria_label=f"Command of {run.name}"))
        for name, label in (("config.yaml", "Settings"), ("env.json", "Environment")):
            if name in run.texts:
                inner = element(
                    "pre", run.texts[name].strip(), tabindex=0, aria_label=f"{label} of {run.name}"
                )
                parts.append(element("details", element("summary", f"{label} ({name})"), inner))
    return element(
        "section", element("h2", "Commands, settings, environment"), *parts, id="settings"
    )
