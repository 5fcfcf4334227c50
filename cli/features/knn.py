"""`avme knn`: k-nearest-neighbor accuracy of features."""

from typing import TYPE_CHECKING, Final

import typer

from ..shared_options import sharing
from ..terminal.output import print_line
from .options import Computing, Out, Source, StageOption
from .tables import print_accuracies, print_source, write_record

if TYPE_CHECKING:
    from avme.stages.features.knn import KnnResult

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme knn runs/pretrain-ucf101
    avme knn runs/pretrain-ucf101 --stage visual --out knn.json"""


@app.command(epilog=_EXAMPLES)
@sharing(Computing)
def knn(common: Computing, source: Source, stage: StageOption = None, out: Out = None) -> None:
    """Classify test clips by the most similar training clips, without training."""
    common.check(source)

    from avme.stages.features.knn import knn as run

    found = run(source, options=common.chosen(stage=stage), report=common.ctx.obj)
    print_knn(found)
    write_record(found.as_record(), out)


def print_knn(found: "KnnResult") -> None:
    """Print a row per number of neighbors, and the signature."""
    print_source(found.table, found.num_train, found.num_test, found.left_out)
    rows = {f"k = {k}": tops for k, tops in found.tops.items()}
    print_accuracies("neighbors", rows, found.groups)
    print_line(found.signature)
