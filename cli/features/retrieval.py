"""`avme retrieval`: audio by video, and video by audio."""

from typing import TYPE_CHECKING, Final

import typer

from avme.errors import UsageError

from ..shared_options import sharing
from ..terminal.output import print_line
from ..terminal.table import print_table
from .options import FILE_SUFFIX, Checkpoint, Computing, Out
from .tables import format_share, print_intervals, print_source, write_record

if TYPE_CHECKING:
    from avme.stages.features.retrieval import RetrievalReport

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme retrieval runs/pretrain-ucf101
    avme retrieval runs/pretrain-ucf101 --pool slots --out retrieval.json"""

_SPACES: Final = {"learned": "learned on train", "none": "no mapping"}


@app.command(epilog=_EXAMPLES)
@sharing(Computing)
def retrieval(common: Computing, checkpoint: Checkpoint, out: Out = None) -> None:
    """Find the audio of each test clip by its video, and the reverse."""
    if checkpoint.suffix == FILE_SUFFIX:
        raise UsageError(
            f"{checkpoint} holds one stage: retrieval needs a checkpoint, whose video and audio "
            "features it computes or reads"
        )
    common.check(checkpoint)

    from avme.stages.features.retrieval import retrieval as run

    found = run(checkpoint, options=common.chosen(), report=common.ctx.obj)
    print_retrieval(found)
    write_record(found.as_record(), out)


def print_retrieval(found: "RetrievalReport") -> None:
    """Print recalls in both directions beside those of random ranks."""
    from avme.features.retrieval import RECALLS

    print_source(found.table, found.num_train, found.num_test, found.left_out, "visual and audio")
    rows: list[tuple[str, ...]] = [
        (
            _SPACES[row.space],
            row.direction,
            f"R@{k}",
            *format_share(row.recall[k], row.interval[k]),
            f"{100 * found.found.chance(k):.2f} %",
        )
        for row in found.rows
        for k in RECALLS
    ]
    print_table("", ("space", "query", "R@k", "found", "95 %", "chance"), rows)
    print_line(f"{found.num_test} candidates; ridge {found.found.ridge:g}")
    print_intervals(found.groups)
    print_line(found.signature)
