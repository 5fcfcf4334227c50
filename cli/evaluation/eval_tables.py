"""Tables that `avme eval` prints."""

from typing import Any, Final

from ..terminal.output import print_line, verbatim

BY_AUDIO: Final = {
    "audible": "audible clips",
    "silent": "clips with a silent track",
    "none": "clips without a track",
}


def print_table(summary: dict[str, Any], topk: tuple[int, ...]) -> None:
    """Print accuracies with intervals, and the signature."""
    from rich.table import Table

    views = " x ".join(str(count) for count in summary["views"].values())
    modality = summary["modality"]
    if modality != summary["trained_modality"]:
        modality += f" of {summary['trained_modality']}"
    title = f"split {summary['split']}, modality {modality}, {views} views a clip"
    table = Table()
    table.add_column("clips")
    table.add_column("n", justify="right")
    scored = [k for k in dict.fromkeys(topk) if f"top{k}" in summary]
    for k in scored:
        table.add_column(f"top-{k}", justify="right")
        table.add_column("95 %", justify="right")
    rows = [("all clips", summary), ("center view only", summary["center_view"])]
    if summary["quarantined"]:
        label = f"and {summary['quarantined']} undecodable"
        rows.append((label, summary["quarantined_as_wrong"]))
    if summary["subset"] != "all":
        title += f", {summary['subset']} clips only"
    if summary["protocol"] != "all":
        title += f", protocol {summary['protocol']}"
    for name, row in [*rows, *summary["by_audio"].items()]:
        cells = [cell for k in scored for cell in _cells(row, f"top{k}")]
        table.add_row(BY_AUDIO.get(name, name), str(row["n"]), *cells)
    console = verbatim()
    console.print(title)  # a table's own title would wrap at the table's width
    console.print(table)
    method = summary["interval_method"]
    print_line(f"intervals: bootstrap over {method['groups']} {method['unit']}s")
    print_line(summary["signature"])


def print_runs(summary: dict[str, Any]) -> None:
    """Print a row for each run, then mean and deviation for all clips and each state of audio."""
    from rich.table import Table

    figures = summary["figures"]
    names = [name for name in figures["all"] if name.startswith("top")]
    table = Table()
    for name in ("run", "split", "seed", "n"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for name in names:
        table.add_column(f"top-{name[3:]}", justify="right")
    for run in summary["runs"]:
        cells = [str(run[key]) for key in ("split", "seed", "n")]
        table.add_row(run["run"], *cells, *(f"{100 * run[name]:.2f} %" for name in names))
    table.add_section()
    for row, found in figures.items():
        what = {"all": "mean, all clips", "center_view": "mean, center view"}.get(row)
        label = what or f"mean, {BY_AUDIO.get(row, row)}"
        table.add_row(label, "", "", "", *(_mean(found[name]) for name in names))
    verbatim().print(table)
    print_line(f"mean ± {summary['deviation_of']}")
    first, unit = names[0], summary["interval_method"]["unit"]
    intervals = (
        "{:.1f} to {:.1f}".format(*(100 * each for each in run["intervals"][first]))
        for run in summary["runs"]
    )
    print_line(
        f"95 % of top-{first[3:]} of each run, bootstrap over {unit}s: {'; '.join(intervals)}"
    )


def _mean(figure: dict[str, float]) -> str:
    return f"{100 * figure['mean']:.2f} ± {100 * figure['deviation']:.2f} %"


def _cells(row: dict[str, Any], metric: str) -> tuple[str, str]:
    share = f"{100 * row[metric]:.2f} %"
    if "intervals" not in row:
        return share, ""
    low, high = row["intervals"][metric]
    return share, f"{100 * low:.1f} to {100 * high:.1f}"
