"""`avme probe`: linear probe of features."""

from typing import TYPE_CHECKING, Final

import typer

from ..shared_options import sharing
from ..terminal.output import print_line
from .options import Computing, Out, Source, StageOption
from .tables import print_accuracies, print_source, write_record

if TYPE_CHECKING:
    from avme.stages.features.probe import LinearResult

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme probe runs/pretrain-ucf101
    avme probe runs/pretrain-ucf101 --stage visual --segments 10"""


@app.command(epilog=_EXAMPLES)
@sharing(Computing)
def probe(common: Computing, source: Source, stage: StageOption = None, out: Out = None) -> None:
    """Fit a linear classifier on features of the train list, and score the test list."""
    common.check(source)

    from avme.stages.features.probe import probe as run

    found = run(source, options=common.chosen(stage=stage), report=common.ctx.obj)
    print_probe(found)
    write_record(found.as_record(), out)


def print_probe(found: "LinearResult") -> None:
    """Print the choice of C, the accuracies and the signature."""
    print_source(found.table, found.num_train, found.num_test, found.left_out)
    if found.found.validation:
        tried = ", ".join(f"{c:g}: {100 * top1:.1f} %" for c, top1 in found.found.validation)
        print_line(f"C by {found.found.held_out} clips of held-out groups: {tried}")
    print_accuracies("classifier", {f"C = {found.found.c:g}": found.tops}, found.groups)
    print_line(found.signature)
