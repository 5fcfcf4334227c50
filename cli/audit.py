"""`avme audit`: content of a prepared dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from avme.message_text import some_of

from . import next_command, paths
from .features.baseline_tables import baseline_tables
from .options import DataArgument
from .terminal.output import print_line, verbatim

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme audit
    avme audit ucf101 --out notes/ucf101
    avme audit ucf101 --baselines"""

_MOST_CLASSES: Final = 20
_MOST_KINDS: Final = 4

Out = Annotated[Path | None, typer.Option(help="Folder to write.", show_default="DATA/audit")]
Baselines = Annotated[
    bool,
    typer.Option(
        "--baselines",
        help="Also fit linear models on mean colors and MFCC, to show which accuracy is free.",
    ),
]


@app.command(epilog=_EXAMPLES)
def audit(
    ctx: typer.Context,
    data: DataArgument = None,
    out: Out = None,
    baselines: Baselines = False,
) -> None:
    """Show the content of a dataset, and how well audio presence alone predicts the class."""
    folder = paths.dataset(data, "DATA")

    from avme.stages.audit import audit as run

    found = run(folder, out=out, baselines=baselines, tell=print_audit, report=ctx.obj)
    for file in found.files:
        print_line(file)
    next_command.after_prep(ctx.obj, folder)


def print_audit(facts: dict[str, Any]) -> None:
    """Print `audit.json` as tables."""
    console = verbatim()
    for title, header, rows in (
        (_title(facts), ("", ""), list(_properties(facts))),
        ("classes", _CLASSES, list(_classes(facts["per_class"]))),
        ("splits", _SPLITS, list(_splits(facts["splits"]))),
        ("information of usable audio about the class", _LEAKS, list(_leaks(facts))),
        *_protocols(facts["splits"]),
        *baseline_tables(facts["splits"]),
    ):
        console.print(_table(title, header, rows))
    for line in (*_commands(facts["splits"]), *_warnings(facts["splits"])):
        print_line(line)


def _table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=any(header))
    for index, name in enumerate(header):
        numeric = index > 0 and name not in ("", "subset")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _title(facts: dict[str, Any]) -> str:
    return f"{facts['dataset']}: {facts['clips']} clips, {facts['hours']:.2f} hours"


def _properties(facts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    audio = facts["audio"]
    other = facts["frames_other_than_header"]
    yield "frames", f"{facts['frames']}; {other} clips differ from their header"
    yield "seconds a clip", _spread(facts["seconds"])
    yield "frames a clip", _spread(facts["frames_per_clip"])
    for name, key in (("frames a second", "fps"), ("size", "sizes"), ("codec", "video_codecs")):
        yield name, _kinds(facts[key])
    states = (
        f"{audio['audible']} audible, {audio['silent']} silent, {audio['none']} without a track"
    )
    yield "audio", f"{states}; {audio['usable']} usable"
    yield "audio codec", _kinds(audio["codecs"])
    yield "samples a second", _kinds(audio["sample_rates_hz"])
    yield "channels", _kinds(audio["channels"])
    for name, key in (("audio starts late", "starts_late"), ("audio ends early", "ends_early")):
        clips, most = audio[key]["clips"], audio[key]["most_seconds"]
        yield name, f"{clips} clips, by up to {most:.2f} s" if clips else "no clip"
    yield "RMS in dBFS", _spread(audio["rms_dbfs"])
    yield "quarantined", str(facts["quarantined"])


def _spread(found: dict[str, float] | None) -> str:
    if found is None:
        return "-"
    return f"{found['min']:g} to {found['max']:g}, median {found['median']:g}"


def _kinds(counts: dict[str, int]) -> str:
    return some_of((f"{name} ({times})" for name, times in counts.items()), _MOST_KINDS) or "-"


_CLASSES: Final = ("class", "clips", "seconds", "with usable audio")


def _classes(rows: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Select all of a few classes; of many, a summary and the outliers."""
    if len(rows) <= _MOST_CLASSES:
        yield from (_class(row) for row in rows)
        return
    smallest, largest = (pick(rows, key=lambda row: row["clips"]) for pick in (min, max))
    for name, row in (("smallest", smallest), ("largest", largest)):
        _, *cells = _class(row)
        yield (f"{name}: {row['class']}", *cells)
    for name, wanted in (("all clips", 1.0), ("no clip", 0.0)):
        some = [row for row in rows if row["usable_share"] == wanted]
        yield (
            f"{len(some)} classes: {name} with audio",
            str(sum(row["clips"] for row in some)),
            f"{sum(row['seconds'] for row in some):.0f}",
            f"{wanted:.0%}",
        )
    odd = [row for row in rows if row["usable_share"] not in (None, 0.0, 1.0)]
    yield from (_class(row) for row in odd[:_MOST_CLASSES])
    if len(odd) > _MOST_CLASSES:
        yield (f"... and {len(odd) - _MOST_CLASSES} more in audit.json", "", "", "")


def _class(row: dict[str, Any]) -> tuple[str, ...]:
    share = "-" if row["usable_share"] is None else f"{100 * row['usable_share']:.1f} %"
    return row["class"], str(row["clips"]), f"{row['seconds']:.0f}", share


_SPLITS: Final = ("split", "subset", "clips", "classes", "groups", "audible", "silent", "no track")


def _splits(splits: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    from avme.audio.loudness import AUDIO_STATES

    keys = ("clips", "classes", "groups", *AUDIO_STATES)
    for split, facts in splits.items():
        for part in ("train", "test"):
            yield split, part, *(str(facts[part][key]) for key in keys)


_LEAKS: Final = ("split", "bits", "at most", "random", "p", "top-1 with it", "top-1 without")


def _leaks(facts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for split, found in facts["splits"].items():
        if leak := found["leak"]:
            bits = (f"{leak[key]:.3f}" for key in ("bits", "bits_at_most", "bits_by_chance"))
            tops = (f"{100 * leak[key]:.1f} %" for key in ("top1_presence", "top1_majority"))
            yield split, *bits, f"{leak['p_value']:.3f}", *tops


_PROTOCOLS: Final = ("protocol", "train", "test", "classes", "bits left")


def _protocols(
    splits: dict[str, Any],
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Return the rows for the first split with leakage; empty without any."""
    for split, facts in splits.items():
        if facts["leak"] and facts["leak"]["is_evident"]:
            rows = [
                (
                    row["name"],
                    *(str(row[key]) for key in ("train", "test", "classes")),
                    f"{row['bits']:.3f}",
                )
                for row in facts["protocols"]
            ]
            yield f"protocols that reduce it, split {split}", _PROTOCOLS, rows
            return


def _commands(splits: dict[str, Any]) -> Iterator[str]:
    """Return the commands of that table's protocols, one per line, to be copied."""
    for facts in splits.values():
        if facts["leak"] and facts["leak"]["is_evident"]:
            for row in facts["protocols"]:
                if row["how"]:
                    yield f"{row['name']}:"
                    yield f"    {row['how']}"
            return


def _warnings(splits: dict[str, Any]) -> Iterator[str]:
    for split, facts in splits.items():
        if (names := facts["test_only_classes"]) and facts["train"]["clips"]:
            some = some_of(names)
            yield (
                f"warning: split {split}: {len(names)} classes have test clips only ({some}): no "
                "classifier can learn them from it"
            )
        if shared := facts["shared_groups"]:
            some = some_of(row["group"] for row in shared)
            clips = sum(row["test"] for row in shared)
            yield (
                f"warning: split {split}: {len(shared)} groups are in train and test ({some}), "
                f"{clips} test clips: its accuracy is overestimated"
            )
        if facts["leak"] and facts["leak"]["is_evident"]:
            bits = facts["leak"]["bits_corrected"]
            yield (
                f"warning: split {split}: audio presence gives {bits:.2f} bits of the class: an "
                "accuracy is evidence for audio only under a protocol with 0 bits left"
            )
